use chrono::TimeZone;
use proptest::prelude::*;

use super::*;

/// A Wednesday.
fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2023, 5, 10, 13, 56, 0).unwrap()
}

fn resolved(text: &str, said_at: Option<DateTime<Utc>>) -> String {
    resolve(text, said_at).map_or_else(String::new, |window| {
        let (start, end) = (window.start.date_naive(), window.end.date_naive());
        if start == end { start.to_string() } else { format!("{start} {end}") }
    })
}

#[test]
fn relative_expressions() {
    for (text, expected) in [
        ("I went there yesterday.", "2023-05-09"),
        ("Yesterday's match was great", "2023-05-09"),
        ("the day before yesterday", "2023-05-08"),
        ("Last night we danced", "2023-05-09"),
        ("I started today!", "2023-05-10"),
        ("See you tonight", "2023-05-10"),
        ("this morning I ran", "2023-05-10"),
        ("The opening is tomorrow.", "2023-05-11"),
        ("the day after tomorrow", "2023-05-12"),
        ("two days ago", "2023-05-08"),
        ("10 days ago", "2023-04-30"),
        ("about a week ago", "2023-05-01 2023-05-07"),
        ("3 weeks ago", "2023-04-17 2023-04-23"),
        ("two weekends ago", "2023-04-29 2023-04-30"),
        ("a month ago", "2023-04-01 2023-04-30"),
        ("six months ago", "2022-11-01 2022-11-30"),
        ("three years ago", "2020-01-01 2020-12-31"),
        ("100 years ago", "1923-01-01 1923-12-31"),
        ("in 2 weeks, no: two weeks from now", "2023-05-22 2023-05-28"),
        ("a couple of days ago", "2023-05-07 2023-05-09"),
        ("a few weeks ago", "2023-04-05 2023-04-26"),
        ("few months ago", "2022-12-11 2023-03-11"),
        ("last week was wild", "2023-05-01 2023-05-07"),
        ("this week", "2023-05-08 2023-05-14"),
        ("next week", "2023-05-15 2023-05-21"),
        ("last month", "2023-04-01 2023-04-30"),
        ("next month", "2023-06-01 2023-06-30"),
        ("Last year", "2022-01-01 2022-12-31"),
        ("next year", "2024-01-01 2024-12-31"),
        ("last weekend", "2023-05-06 2023-05-07"),
        ("this past weekend", "2023-05-06 2023-05-07"),
        ("this weekend", "2023-05-13 2023-05-14"),
        ("next weekend", "2023-05-20 2023-05-21"),
        ("last Tuesday", "2023-05-09"),
        ("last Wednesday", "2023-05-03"),
        ("Last Fri I took my kids", "2023-05-05"),
        ("last Tues.", "2023-05-09"),
        ("next Monday", "2023-05-15"),
        ("this Friday", "2023-05-12"),
        ("this coming Friday", "2023-05-12"),
        ("on Monday I went", "2023-05-08"),
        ("I'll see her on Monday", "2023-05-15"),
        ("I saw her on Monday. I will go.", "2023-05-08"),
        ("last March", "2023-03-01 2023-03-31"),
        ("last May", "2022-05-01 2022-05-31"),
        ("next June", "2023-06-01 2023-06-30"),
    ] {
        assert_eq!(resolved(text, Some(now())), expected, "{text:?}");
    }
}

#[test]
fn written_dates_with_and_without_a_year() {
    for (text, expected) in [
        ("on 2022-01-31", "2022-01-31"),
        ("on 31 January 2022", "2022-01-31"),
        ("January 31st, 2022", "2022-01-31"),
        ("in May 2021", "2021-05-01 2021-05-31"),
        ("I was born in 1990.", "1990-01-01 1990-12-31"),
        ("on Monday, May 1, 2023", "2023-05-01"),
        ("last Monday (1 May 2023)", "2023-05-01"),
        ("2021年3月5日", "2021-03-05"),
    ] {
        assert_eq!(resolved(text, Some(now())), expected, "{text:?}");
    }
    for (text, expected) in [
        ("on May 8", "2023-05-08"),
        ("on December 24", "2022-12-24"),
        ("we will meet on May 12", "2023-05-12"),
        ("in March", "2023-03-01 2023-03-31"),
        ("in August", "2022-08-01 2022-08-31"),
        ("I'm going to Rome in August", "2023-08-01 2023-08-31"),
        ("back in mid-April", "2023-04-01 2023-04-30"),
    ] {
        assert_eq!(resolved(text, Some(now())), expected, "{text:?}");
        assert_eq!(resolved(text, None), "", "{text:?} has no year");
    }
    assert_eq!(resolved("on 31 January 2022", None), "2022-01-31");
    assert_eq!(resolved("in 2020", None), "2020-01-01 2020-12-31");
}

#[test]
fn the_first_expression_wins() {
    for (text, expected) in [
        ("Yesterday I heard it began in 2019.", "2023-05-09"),
        ("In 2019 it began; I heard it yesterday.", "2019-01-01 2019-12-31"),
        ("I may go, but yesterday I was ill", "2023-05-09"),
    ] {
        assert_eq!(resolved(text, Some(now())), expected, "{text:?}");
    }
}

#[test]
fn traps_stay_undated() {
    for text in [
        "You may go",
        "May I ask June about it?",
        "We march 3 miles",
        "the last week of the course",
        "over the last year",
        "my next year at school",
        "the next day",
        "on Mondays",
        "every Monday",
        "more than 10 years ago",
        "over two years ago",
        "two or three days ago",
        "2-3 years ago",
        "1.5 years ago",
        "a year and a half ago",
        "long ago",
        "it feels like just yesterday",
        "in 2000 steps",
        "call 2019",
        "I finished it in 3 days",
        "last but not least",
        "this sun is hot",
        "next to me",
        "since 2016",
        "on May 12",
        "until May",
        "5/8/2023",
        "todays",
        "Sunday roast",
        "",
    ] {
        assert_eq!(resolved(text, Some(now())), "", "{text:?}");
    }
}

#[test]
fn on_a_weekend_last_weekend_is_the_one_before() {
    let saturday = Utc.with_ymd_and_hms(2023, 5, 13, 0, 0, 0).unwrap();
    assert_eq!(resolved("last weekend", Some(saturday)), "2023-05-06 2023-05-07");
    assert_eq!(resolved("this weekend", Some(saturday)), "2023-05-13 2023-05-14");
}

#[test]
fn without_a_now_nothing_relative_counts() {
    assert_eq!(resolved("yesterday, last week, on Monday, two days ago", None), "");
}

#[test]
fn days_are_whole() {
    let window = resolve("yesterday", Some(now())).unwrap();
    assert_eq!(window.start.to_rfc3339(), "2023-05-09T00:00:00+00:00");
    assert_eq!(window.end.to_rfc3339(), "2023-05-09T23:59:59.999999+00:00");
}

proptest! {
    #[test]
    fn any_text_and_any_year_are_fine(
        text in "([0-9]{1,4} (day|week|month|year)s ago|last year|May 3|.{0,40})",
        year in 1_i32..9999,
    ) {
        let said_at = Utc.with_ymd_and_hms(year, 1, 31, 0, 0, 0).unwrap();
        if let Some(window) = resolve(&text, Some(said_at)) {
            prop_assert!(window.start <= window.end);
        }
    }
}
