use super::*;

#[test]
fn days() {
    check(
        now(),
        &[
            ("What happened yesterday?", "2026-08-11"),
            ("yesterday's meeting", "2026-08-11"),
            ("what did I eat today", "2026-08-12"),
            ("What will we do tomorrow?", "2026-08-13"),
            ("the day before yesterday", "2026-08-10"),
            ("the day after tomorrow", "2026-08-14"),
            ("Where were we last night?", "2026-08-11"),
            ("What did she say this morning", "2026-08-12"),
            ("Who called this afternoon", "2026-08-12"),
            ("early yesterday", "2026-08-11"),
            ("late last night", "2026-08-11"),
        ],
    );
}

#[test]
fn written_dates_and_ranges_of_days() {
    check(
        now(),
        &[
            ("2026-06-10", "2026-06-10"),
            ("What happened on 2023-05-08?", "2023-05-08"),
            ("at 2023-05-08T13:56:00Z?", "2023-05-08"),
            ("on 2023/05/09", "2023-05-09"),
            ("in 2023-05", "2023-05-01 2023-05-31"),
            ("on 8.5.2023", "2023-05-08"),
            ("25/12/2022", "2022-12-25"),
            ("12/25/2022", "2022-12-25"),
            ("8 May 2023", "2023-05-08"),
            ("the 8th of May, 2023", "2023-05-08"),
            ("May 8, 2023", "2023-05-08"),
            ("Sept. 3rd 2021", "2021-09-03"),
            ("What did he do on June 5th?", "2026-06-05"),
            ("on August 12", "2026-08-12"),
            ("on August 13", "2025-08-13"),
            ("on 29 Feb", "2024-02-29"),
            ("on may 5", "2026-05-05"),
            ("May 8-10, 2023", "2023-05-08 2023-05-10"),
            ("from 3 to 7 May", "2026-05-03 2026-05-07"),
            ("3-7 May 2021", "2021-05-03 2021-05-07"),
            ("between the 3rd and the 7th of May 2022", "2022-05-03 2022-05-07"),
            ("from May 3 to 7, 2022", "2022-05-03 2022-05-07"),
            ("from May 3 to June 7", "2026-05-03 2026-06-07"),
            ("from 28 December to 3 January", "2025-12-28 2026-01-03"),
            ("2023-05-08 to 2023-05-10", "2023-05-08 2023-05-10"),
            ("on Monday, 8 May 2023", "2023-05-08"),
            ("the week of May 8, 2023", "2023-05-08 2023-05-14"),
        ],
    );
}

#[test]
fn units_ago_and_later() {
    check(
        now(),
        &[
            ("3 days ago", "2026-08-09"),
            ("a day ago", "2026-08-11"),
            ("two weeks ago", "2026-07-27 2026-08-02"),
            ("3 weeks ago", "2026-07-20 2026-07-26"),
            ("about a week ago", "2026-08-03 2026-08-09"),
            ("a month ago", "2026-07-01 2026-07-31"),
            ("six months ago", "2026-02-01 2026-02-28"),
            ("two quarters ago", "2026-01-01 2026-03-31"),
            ("a year ago", "2025-01-01 2025-12-31"),
            ("twenty five years ago", "2001-01-01 2001-12-31"),
            ("100 years ago", "1926-01-01 1926-12-31"),
            ("two weekends ago", "2026-08-01 2026-08-02"),
            ("a decade ago", "2010-01-01 2019-12-31"),
            ("a couple of days ago", "2026-08-09 2026-08-11"),
            ("a few days ago", "2026-08-07 2026-08-10"),
            ("couple weeks ago", "2026-07-22 2026-08-05"),
            ("few weeks ago", "2026-07-08 2026-07-29"),
            ("a couple of months ago", "2026-05-14 2026-07-13"),
            ("several months ago", "2026-03-15 2026-06-13"),
            ("a few years ago", "2021-01-01 2024-12-31"),
            ("two days from now", "2026-08-14"),
            ("3 weeks later", "2026-08-31 2026-09-06"),
            ("two weeks before Christmas 2025", "2025-12-08 2025-12-14"),
            ("the day after May 3", "2026-05-04"),
            ("3 days before 2023-05-08", "2023-05-05"),
        ],
    );
}

#[test]
fn the_last_units() {
    check(
        now(),
        &[
            ("in the last 3 days", "2026-08-09 2026-08-12"),
            ("over the past two weeks", "2026-07-29 2026-08-12"),
            ("within the last 6 months", "2026-02-12 2026-08-12"),
            ("during the past 2 years", "2024-08-12 2026-08-12"),
            ("the last five days", "2026-08-07 2026-08-12"),
            ("the past month", "2026-07-12 2026-08-12"),
            ("in the past year", "2025-08-12 2026-08-12"),
            ("past week", "2026-08-05 2026-08-12"),
            ("within the last week", "2026-08-05 2026-08-12"),
            ("in the last few weeks", "2026-07-22 2026-08-12"),
            ("the last couple of days", "2026-08-10 2026-08-12"),
            ("What will I do in the next 3 days?", "2026-08-12 2026-08-15"),
        ],
    );
}

#[test]
fn last_this_and_next() {
    check(
        now(),
        &[
            ("last week", "2026-08-03 2026-08-09"),
            ("this week", "2026-08-10 2026-08-16"),
            ("next week", "2026-08-17 2026-08-23"),
            ("the week before last", "2026-07-27 2026-08-02"),
            ("last weekend", "2026-08-08 2026-08-09"),
            ("this weekend", "2026-08-15 2026-08-16"),
            ("this past weekend", "2026-08-08 2026-08-09"),
            ("last month", "2026-07-01 2026-07-31"),
            ("next month", "2026-09-01 2026-09-30"),
            ("last quarter", "2026-04-01 2026-06-30"),
            ("this quarter", "2026-07-01 2026-09-30"),
            ("last year", "2025-01-01 2025-12-31"),
            ("this year", "2026-01-01 2026-12-31"),
            ("next year", "2027-01-01 2027-12-31"),
            ("the year before last", "2024-01-01 2024-12-31"),
            ("the month after next", "2026-10-01 2026-10-31"),
            ("last Tuesday", "2026-08-11"),
            ("last Wednesday", "2026-08-05"),
            ("on Monday", "2026-08-10"),
            ("on Thursday night", "2026-08-06"),
            ("next Friday", "2026-08-14"),
            ("this Friday", "2026-08-14"),
            ("What will I do on Friday?", "2026-08-14"),
            ("from Monday to Friday", "2026-08-03 2026-08-07"),
            ("since Monday", "2026-08-10 2026-08-12"),
            ("last May", "2026-05-01 2026-05-31"),
            ("last August", "2025-08-01 2025-08-31"),
            ("this October", "2026-10-01 2026-10-31"),
            ("next March", "2027-03-01 2027-03-31"),
            ("this decade", "2020-01-01 2029-12-31"),
        ],
    );
    check(
        sunday(),
        &[
            ("last weekend", "2023-01-07 2023-01-08"),
            ("this weekend", "2023-01-14 2023-01-15"),
            ("last week", "2023-01-02 2023-01-08"),
            ("on Sunday", "2023-01-08"),
            ("last quarter", "2022-10-01 2022-12-31"),
            ("last month", "2022-12-01 2022-12-31"),
            ("two months ago", "2022-11-01 2022-11-30"),
        ],
    );
}

#[test]
fn months_and_their_parts() {
    check(
        now(),
        &[
            ("in May", "2026-05-01 2026-05-31"),
            ("what happened in may?", "2026-05-01 2026-05-31"),
            ("in August", "2026-08-01 2026-08-31"),
            ("during September", "2025-09-01 2025-09-30"),
            ("May 2023", "2023-05-01 2023-05-31"),
            ("in december of 2020", "2020-12-01 2020-12-31"),
            ("May '23", "2023-05-01 2023-05-31"),
            ("in March last year", "2025-03-01 2025-03-31"),
            ("early May 2023", "2023-05-01 2023-05-10"),
            ("mid-May 2023", "2023-05-11 2023-05-20"),
            ("in late May 2023", "2023-05-21 2023-05-31"),
            ("late February", "2026-02-21 2026-02-28"),
            ("the end of March", "2026-03-21 2026-03-31"),
            ("in the middle of June 2024", "2024-06-11 2024-06-20"),
            ("the beginning of last month", "2026-07-01 2026-07-10"),
            ("the start of the month", "2026-08-01 2026-08-10"),
        ],
    );
}

#[test]
fn quarters_seasons_years_and_decades() {
    check(
        now(),
        &[
            ("Q3 2024", "2024-07-01 2024-09-30"),
            ("in Q4", "2025-10-01 2025-12-31"),
            ("third quarter of 2023", "2023-07-01 2023-09-30"),
            ("the first quarter of this year", "2026-01-01 2026-03-31"),
            ("H1 2023", "2023-01-01 2023-06-30"),
            ("the second half of 2022", "2022-07-01 2022-12-31"),
            ("summer 2023", "2023-06-01 2023-08-31"),
            ("in the summer of 2023", "2023-06-01 2023-08-31"),
            ("winter 2023", "2023-12-01 2024-02-29"),
            ("fall 2022", "2022-09-01 2022-11-30"),
            ("last spring", "2026-03-01 2026-05-31"),
            ("last summer", "2025-06-01 2025-08-31"),
            ("last winter", "2025-12-01 2026-02-28"),
            ("this summer", "2026-06-01 2026-08-31"),
            ("next spring", "2027-03-01 2027-05-31"),
            ("in the autumn", "2025-09-01 2025-11-30"),
            ("early summer 2023", "2023-06-01 2023-06-30"),
            ("in 2022", "2022-01-01 2022-12-31"),
            ("during 2021", "2021-01-01 2021-12-31"),
            ("year 2020", "2020-01-01 2020-12-31"),
            ("in the year 1999", "1999-01-01 1999-12-31"),
            ("2024", "2024-01-01 2024-12-31"),
            ("photos from 2019", "2019-01-01 2019-12-31"),
            ("in 2046", "2046-01-01 2046-12-31"),
            ("early 2023", "2023-01-01 2023-04-30"),
            ("mid 2023", "2023-05-01 2023-08-31"),
            ("late 2023", "2023-09-01 2023-12-31"),
            ("the beginning of 2023", "2023-01-01 2023-01-31"),
            ("at the end of 2023", "2023-12-01 2023-12-31"),
            ("at the start of the year", "2026-01-01 2026-01-31"),
            ("the end of last year", "2025-12-01 2025-12-31"),
            ("the 1990s", "1990-01-01 1999-12-31"),
            ("in the 90s", "1990-01-01 1999-12-31"),
            ("in the '80s", "1980-01-01 1989-12-31"),
            ("the 2010's", "2010-01-01 2019-12-31"),
            ("in the early 1990s", "1990-01-01 1993-05-01"),
        ],
    );
    check(
        sunday(),
        &[
            ("this winter", "2022-12-01 2023-02-28"),
            ("last winter", "2021-12-01 2022-02-28"),
            ("in winter", "2022-12-01 2023-02-28"),
            ("last summer", "2022-06-01 2022-08-31"),
        ],
    );
}

#[test]
fn ranges_and_open_ends() {
    check(
        now(),
        &[
            ("between March and May 2023", "2023-03-01 2023-05-31"),
            ("between May and July", "2026-05-01 2026-07-31"),
            ("from June to August", "2026-06-01 2026-08-31"),
            ("from November to February", "2025-11-01 2026-02-28"),
            ("November to February 2023", "2022-11-01 2023-02-28"),
            ("from December 2022 to March", "2022-12-01 2023-03-31"),
            ("May-July 2022", "2022-05-01 2022-07-31"),
            ("May – July 2022", "2022-05-01 2022-07-31"),
            ("between 2019 and 2021", "2019-01-01 2021-12-31"),
            ("from 2019 until 2021", "2019-01-01 2021-12-31"),
            ("from early May to late June", "2026-05-01 2026-06-30"),
            ("between Christmas and New Year's Eve", "2025-12-25 2025-12-31"),
            ("since March", "2026-03-01 2026-08-12"),
            ("since 2024", "2024-01-01 2026-08-12"),
            ("since last week", "2026-08-03 2026-08-12"),
            ("since yesterday", "2026-08-11 2026-08-12"),
            ("since two weeks ago", "2026-07-27 2026-08-12"),
            ("from 2019 onwards", "2019-01-01 2026-08-12"),
            ("until May 2023", "0001-01-01 2023-05-31"),
            ("before 2020", "0001-01-01 2019-12-31"),
            ("before May 8, 2023", "0001-01-01 2023-05-07"),
            ("by March 2024", "0001-01-01 2024-03-31"),
            ("after May 2023", "2023-06-01 2026-08-12"),
            ("after Christmas", "2025-12-26 2026-08-12"),
            ("after next month", "2026-10-01 9999-12-31"),
            ("on Christmas", "2025-12-25"),
            ("last Christmas Eve", "2025-12-24"),
            ("on New Year's Eve 2023", "2023-12-31"),
            ("at Halloween", "2025-10-31"),
            ("on Valentine's Day", "2026-02-14"),
            ("What did she get for Christmas last year?", "2025-12-25"),
        ],
    );
}

#[test]
fn the_first_certain_expression_decides() {
    check(
        now(),
        &[
            ("What did I say yesterday about 2019-05-05?", "2026-08-11"),
            ("May I ask what happened last week?", "2026-08-03 2026-08-09"),
            ("between 3 and since March", "2026-03-01 2026-08-12"),
            ("Did June go there in July?", "2026-07-01 2026-07-31"),
            ("ｙｅｓｔｅｒｄａｙ", "2026-08-11"),
            ("the last week of May 2023", "2023-05-01 2023-05-31"),
            ("LAST WEEK", "2026-08-03 2026-08-09"),
        ],
    );
}

#[test]
fn what_is_no_time() {
    check_none(
        now(),
        &[
            "",
            "?",
            "May I ask?",
            "What may June say?",
            "march on",
            "we march 3 miles and they may 5 times",
            "just a second",
            "Did she fall over?",
            "What is the second thing?",
            "spring water",
            "in May's opinion",
            "What was written by June?",
            "a gift from April",
            "the last week of the course",
            "my last year of school",
            "her last month there",
            "every Monday",
            "on Mondays",
            "in her 90s",
            "in his early 20s",
            "over two years ago",
            "more than 3 weeks ago",
            "two or three days ago",
            "days ago",
            "in 2000 steps",
            "model 2000",
            "room 2023",
            "PO-2023-1",
            "in 2047",
            "in 1905",
            "v2023",
            "price 2,023",
            "in 20231",
            "$2023",
            "5/8/2023",
            "2023-13-45",
            "31 February 2023",
            "30 February",
            "May 0000",
            "year 0000",
            "99999 years ago",
            "4294967295 weeks ago",
            "What year this happened?",
            "the first half of the match",
            "what is next",
            "the last of us",
            "it feels like yesterday",
            "How long ago was it?",
            "a Monday person",
            "march madness",
            "he may be late",
            "Q5 2023",
        ],
    );
}
