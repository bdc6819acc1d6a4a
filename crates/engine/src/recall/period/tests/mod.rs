use chrono::{NaiveDate, NaiveTime, TimeZone};
use proptest::prelude::*;

use super::*;

mod chinese;
mod english;
mod european;

/// A Wednesday.
fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 8, 12, 13, 56, 0).unwrap()
}

/// A Sunday in winter.
fn sunday() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2023, 1, 15, 23, 59, 59).unwrap()
}

fn days(window: Option<DateWindow>) -> String {
    window.map_or_else(String::new, |window| {
        let (start, end) = (window.start.date_naive(), window.end.date_naive());
        if start == end { start.to_string() } else { format!("{start} {end}") }
    })
}

/// Checks each query against its first and last day, which is one date when they are equal
/// and nothing when there is no window.
fn check(anchor: DateTime<Utc>, rows: &[(&str, &str)]) {
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|(query, expected)| {
            let found = days(period(query, anchor));
            (found != *expected).then(|| format!("{query:?}: {found:?} instead of {expected:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn check_none(anchor: DateTime<Utc>, queries: &[&str]) {
    let rows: Vec<_> = queries.iter().map(|query| (*query, "")).collect();
    check(anchor, &rows);
}

#[test]
fn short_windows_are_told_a_little_later() {
    let told = |first: (i32, u32, u32), last: (i32, u32, u32)| {
        let date = |(year, month, day)| NaiveDate::from_ymd_opt(year, month, day).unwrap();
        days(Some(told_within(DateWindow::days(date(first), date(last)))))
    };
    assert_eq!(told((2021, 5, 8), (2021, 5, 8)), "2021-05-07 2021-05-11");
    assert_eq!(told((2021, 5, 8), (2021, 5, 10)), "2021-05-07 2021-05-13");
    assert_eq!(told((2021, 5, 8), (2021, 5, 11)), "2021-05-08 2021-05-11");
    assert_eq!(told((2021, 5, 1), (2021, 5, 31)), "2021-05-01 2021-05-31");
}

/// Queries put together from words the rules know, so that most of them reach arithmetic.
fn query() -> impl Strategy<Value = String> {
    const WORDS: [&str; 74] = [
        "last",
        "next",
        "this",
        "the",
        "in",
        "of",
        "since",
        "until",
        "before",
        "after",
        "between",
        "and",
        "from",
        "to",
        "week",
        "month",
        "year",
        "quarter",
        "decade",
        "days",
        "weekend",
        "ago",
        "later",
        "past",
        "couple",
        "few",
        "May",
        "february",
        "29",
        "30",
        "31",
        "3",
        "99999",
        "4294967295",
        "2023",
        "0000",
        "9999",
        "0001",
        "90s",
        "2020s",
        "yesterday",
        "tomorrow",
        "Monday",
        "winter",
        "spring",
        "Christmas",
        "early",
        "end of",
        "-",
        ",",
        "Q4",
        "H2",
        "first",
        "before last",
        "hace",
        "vor",
        "meses",
        "Jahre",
        "años",
        "назад",
        "года",
        "fa",
        "il y a",
        "去年",
        "上个月",
        "九万",
        "9999999",
        "年前",
        "个月后",
        "到",
        "以来",
        "二月",
        "三十日",
        "第四季度",
    ];
    prop_oneof![
        ".{0,40}",
        prop::collection::vec(prop::sample::select(&WORDS[..]), 0..8).prop_map(|words| words.join(" ")),
        prop::collection::vec(prop::sample::select(&WORDS[..]), 0..8).prop_map(|words| words.concat()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn windows_are_whole_days_in_order(query in query(), year in 1_i32..=9999, ordinal in 1_u32..=366, second in 0_u32..86_400) {
        let date = NaiveDate::from_yo_opt(year, ordinal).unwrap_or(NaiveDate::from_ymd_opt(year, 12, 31).unwrap());
        let time = NaiveTime::from_num_seconds_from_midnight_opt(second, 0).unwrap();
        let anchor = date.and_time(time).and_utc();
        let window = period(&query, anchor);
        prop_assert_eq!(window, period(&query, anchor));
        if let Some(window) = window {
            prop_assert!(window.start <= window.end);
            prop_assert_eq!(window, DateWindow::days(window.start.date_naive(), window.end.date_naive()));
            let told = told_within(window);
            prop_assert!(told.start <= window.start && window.end <= told.end);
        }
    }
}
