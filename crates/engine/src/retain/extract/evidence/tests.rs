use serde_json::json;

use super::*;
use crate::retain::extract::prompt::ChunkText;

fn chunk(text: &str, said: Option<&str>) -> ChunkText {
    ChunkText {
        text: text.to_owned(),
        number: 1,
        total: 1,
        said_at: said.and_then(hindsight_types::time::parse),
        context: Some("a chat with Priya".to_owned()),
        metadata: Some(json!({"channel": "Falcon-7"})),
        earlier: "Tom: we met at the Blue Lagoon in 2019.".to_owned(),
        attachments: Vec::new(),
        document_id: None,
    }
}

/// What is missing in a fact of a text said on Monday, May 8, 2023.
fn missing(text: &str, fact: &str) -> Option<Missing> {
    Evidence::of(&chunk(text, Some("2023-05-08T13:56:00Z")), false).missing(&[fact], &[])
}

fn missing_entity(text: &str, fact: &str, entities: &[&str]) -> Option<Missing> {
    let entities: Vec<String> = entities.iter().map(|name| (*name).to_owned()).collect();
    Evidence::of(&chunk(text, Some("2023-05-08T13:56:00Z")), false).missing(&[fact], &entities)
}

#[test]
fn what_stands_there_or_follows_is_kept() {
    for (text, fact) in [
        // Names, however they are written.
        ("i moved to rome with my friend ana lucía", "The user moved to Rome with Ana Lucia."),
        ("We use the McDonald's app a lot", "The user uses the Mc Donalds app."),
        ("I live in New York City with my cat", "The user lives in NYC."),
        ("I live in NYC with my cat", "The user lives in New York City."),
        ("We were in Germany for the summer", "The user ate German bread there."),
        ("I called Elizabeth about it", "The user called Liz."),
        ("I told her that I was the head of marketing", "The user is Head of Marketing."),
        // From beside the chunk.
        ("I told her about it", "The user told Priya of the Blue Lagoon and of Falcon."),
        ("He liked it there", "Tom liked the Blue Lagoon in 2019."),
        // Beginnings of sentences are no names.
        ("i like tea", "Drinking tea is liked by the user. \"Tea\" is a drink; Often taken."),
        ("i am learning French at home", "The user learns French on Mondays in May."),
        // Numbers.
        ("I have twenty-five cows and a thousand hens", "The user has 25 cows and 1,000 hens."),
        ("It cost 1.5 million dollars", "It cost $1,500,000."),
        ("it was 5k for the lot", "It was 5000 for the lot."),
        ("about half of them came", "50% of them came."),
        ("Anna, Ben and Carla came", "3 people came: Anna, Ben and Carla."),
        ("we meet at 3pm at the office", "The meeting is at 15:00."),
        ("call me at 555-123-4567 please", "The number is (555) 123 4567."),
        ("the 18th one was the best", "The eighteenth, number 18, was the best."),
        // Dates.
        ("I went there yesterday", "The user went there on May 7, 2023."),
        ("I went there last week", "The user went there in the week of 1 May 2023."),
        ("I will go on friday", "The user goes on Friday, May 12, 2023."),
        ("I was there and it is good", "On May 8, 2023 the user said it is good."),
        ("three years ago I was in Rome", "In 2020 the user was in Rome."),
        ("she is 30 years old", "She was born in 1993."),
        ("the trip of 3 March was the best", "The trip of March 3, 2023 was the best."),
        ("it was in July of 2015 that we met", "They met in July 2015."),
        ("it was 2023-01-05 when we met", "They met on January 5, 2023, a Thursday."),
        ("i took 2500 steps of it", "The user took 2500 steps."),
        // Other languages.
        ("Ich habe mit Anna ein Haus gekauft und bin froh", "Der Nutzer hat mit Anna das Eigenheim gekauft."),
        ("compré veinticinco libros en la tienda", "El usuario compró 25 libros en la Tienda."),
        ("我昨天去了北京，花了三百元", "用户2023年5月7日去了北京，花了300元。"),
    ] {
        assert_eq!(missing(text, fact), None, "{text} -> {fact}");
    }
}

#[test]
fn what_stands_nowhere_is_dropped() {
    let name = |name: &str| Some(Missing::Name(name.to_owned()));
    let number = |number: &str| Some(Missing::Number(number.to_owned()));
    let date = |date: &str| Some(Missing::Date(date.to_owned()));
    for (text, fact, expected) in [
        ("i went to see my friend in rome", "The user saw Zorpa in Rome.", name("Zorpa")),
        ("i have a new job at a bank", "The user works at Quillon Ltd.", name("Quillon")),
        ("i have a lot of cows on my farm", "The user has 45 cows.", number("45")),
        ("it was so much that i did not buy it", "It was 1,250.50 dollars.", number("1,250.50")),
        ("we meet at 3pm at the office", "The meeting is at 17:30.", number("17:30")),
        ("i went there with her", "The user went there on January 3, 2021.", date("January 3, 2021")),
        ("i went there last week", "The user went there on 3 March 2017.", date("3 March 2017")),
        ("i like it there and so does she", "The user liked it in 2015.", date("2015")),
        ("我喜欢北京", "用户有345本书。", number("345")),
    ] {
        assert_eq!(missing(text, fact), expected, "{text} -> {fact}");
    }
}

#[test]
fn a_name_that_begins_a_sentence_counts_when_the_fact_claims_it() {
    let text = "i went to see my friend in rome";
    assert_eq!(missing(text, "Zorpa lives in Rome."), None);
    let expected = Some(Missing::Name("Zorpa".to_owned()));
    assert_eq!(missing_entity(text, "Zorpa lives in Rome.", &["Zorpa"]), expected);
    assert_eq!(missing_entity(text, "The user lives in Rome.", &["user", "Rome", "Zorpa"]), None);
    let spanish = "fui a ver a mi amiga en roma";
    assert_eq!(missing_entity(spanish, "La amiga Zorpa vive en Roma.", &["Zorpa"]), expected);
}

#[test]
fn without_a_date_only_written_ones_count() {
    let undated = |text: &str, fact: &str| {
        let chunk = ChunkText { earlier: String::new(), ..chunk(text, None) };
        Evidence::of(&chunk, false).missing(&[fact], &[])
    };
    let expected = Some(Missing::Date("May 7, 2023".to_owned()));
    assert_eq!(undated("I went there yesterday", "The user went there on May 7, 2023."), expected);
    assert_eq!(undated("It was on May 6, 2023 and the day after", "It went on on May 7, 2023."), None);
}

#[test]
fn names_of_translated_facts_are_not_looked_at() {
    let evidence = Evidence::of(&chunk("i moved to munich with my dog", None), true);
    assert_eq!(evidence.missing(&["Der Nutzer zog nach München."], &[]), None);
    assert!(evidence.missing(&["Der Nutzer hat 345 Hunde."], &[]).is_some());
}

#[test]
fn spans_have_to_be_within_reach() {
    let evidence = Evidence::of(&chunk("i went there last week with her", Some("2023-05-08")), false);
    let day = |year, month, day| DateWindow::day(chrono::NaiveDate::from_ymd_opt(year, month, day).unwrap());
    assert!(evidence.allows(day(2023, 5, 1)));
    assert!(!evidence.allows(day(2017, 3, 1)));
    assert!(evidence.allows(DateWindow::year(2019).unwrap()), "said before");
}
