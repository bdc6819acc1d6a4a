use chrono::TimeZone;
use proptest::prelude::*;

use super::*;

fn texts(chunk: &str) -> Vec<String> {
    extract(chunk, None).into_iter().map(|fact| fact.text).collect()
}

fn speakers(chunk: &str) -> Vec<String> {
    extract(chunk, None).into_iter().map(|fact| fact.speaker.unwrap_or_default()).collect()
}

fn names(text: &str) -> Vec<String> {
    extract(text, None).into_iter().flat_map(|fact| fact.entities).collect()
}

#[test]
fn a_short_content_is_one_fact_as_it_stands() {
    let facts = extract(" Alice works at Google\n", None);
    let [fact] = facts.as_slice() else { panic!("{facts:?}") };
    assert_eq!(fact.text, "Alice works at Google");
    assert_eq!(fact.entities, ["Alice", "Google"]);
    assert_eq!((fact.speaker.as_deref(), fact.occurred), (None, None));
    assert_eq!(texts(""), Vec::<String>::new());
    assert_eq!(texts(" \n "), Vec::<String>::new());
    assert_eq!(texts("🎉👍"), ["🎉👍"]);
}

#[test]
fn a_dialogue_is_one_fact_per_turn() {
    let chunk =
        "Transcript of today\n\nAlice: Hi! How are you?\nI'm fine.\n\nBob:  I moved to Rome.\nAlice: Wow.";
    assert_eq!(
        texts(chunk),
        [
            "Transcript of today",
            "Alice: Hi! How are you?\nI'm fine.",
            "Bob:  I moved to Rome.",
            "Alice: Wow."
        ]
    );
    assert_eq!(speakers(chunk), ["", "Alice", "Bob", "Alice"]);
    assert_eq!(
        texts("user: I like tea. And more.\n- green\n- black"),
        ["user: I like tea. And more.\n- green\n- black"]
    );
    assert_eq!(speakers("小明：你好\n小红：你好吗？\n小明：很好"), ["小明", "小红", "小明"]);
    assert_eq!(speakers("[10:32] Ann: hi\n[10:33] Ben: hello"), ["Ann", "Ben"]);
    assert_eq!(speakers("Ann: We won.\nBen: I saw it.\nCy: Great game!"), ["Ann", "Ben", "Cy"]);
}

#[test]
fn lists_of_terms_are_no_dialogue() {
    for chunk in [
        "Name: Alice Smith\nAge: 30\nCity: Paris",
        "- **Rust**: a language.\n- **Python**: another one.\n- **Go**: a third.",
        "Tools we use today\nPostgres: storage",
        "Groceries:\n- milk\n- eggs",
    ] {
        assert!(speakers(chunk).iter().all(String::is_empty), "{chunk}");
    }
}

#[test]
fn a_long_turn_is_cut_at_sentence_ends() {
    let sentence = "This is a sentence of some forty characters. ";
    let said = sentence.repeat(60);
    let facts = texts(&format!("Bob: hi\nAlice: {said}"));
    assert!(facts.len() >= 4, "{}", facts.len());
    for fact in &facts[1..] {
        assert!(
            fact.starts_with("Alice: This is") && fact.ends_with('.') && fact.chars().count() <= MAX_FACT
        );
    }
    let endless = format!("Alice: {}", "x".repeat(2500));
    assert_eq!(texts(&endless).concat().matches('x').count(), 2500);
}

#[test]
fn json_turns_are_a_dialogue() {
    let chunk = r#"[{"role":"user","content":"Hi\u0000 there"},
        {"role":"assistant","name":"Max","content":[{"type":"text","text":"Hello."},{"type":"text","text":"Bye."}]},
        {"role":"assistant","content":null,"tool":"x"}]"#;
    assert_eq!(
        texts(chunk),
        ["user: Hi there", "Max: Hello.\nBye.", r#"{"role": "assistant", "content": null, "tool": "x"}"#]
    );
    assert_eq!(speakers(chunk), ["user", "Max", "assistant"]);
    let lines = "{\"speaker\":\"Ann\",\"text\":\"hi\"}\n{\"author\":\"Ben\",\"message\":\"ho\"}";
    assert_eq!(texts(lines), ["Ann: hi", "Ben: ho"]);
    assert_eq!(texts(r#"{"id": 7, "title": "x"}"#), [r#"{"id": 7, "title": "x"}"#]);
}

#[test]
fn a_turn_is_dated_from_its_own_time() {
    let said_at = Utc.with_ymd_and_hms(2023, 5, 10, 0, 0, 0).unwrap();
    let chunk = r#"[{"speaker":"Ann","text":"I won yesterday","timestamp":"2020-02-01T10:00:00Z"},
        {"speaker":"Ben","text":"I lost yesterday"}]"#;
    let days: Vec<String> = extract(chunk, Some(said_at))
        .into_iter()
        .map(|fact| fact.occurred.unwrap().0.date_naive().to_string())
        .collect();
    assert_eq!(days, ["2020-01-31", "2023-05-09"]);
}

#[test]
fn prose_is_grouped_to_stand_alone() {
    let long = "Alice moved to Paris in 2019 because she had found a position at the museum";
    assert_eq!(
        texts("Alice works at Google. She lives in Paris."),
        ["Alice works at Google. She lives in Paris."]
    );
    assert_eq!(
        texts(&format!(
            "{long}. {long}! Nice. Bob stayed in his small house near the lake with the dogs and cats."
        )),
        [
            format!("{long}."),
            format!("{long}! Nice."),
            "Bob stayed in his small house near the lake with the dogs and cats.".to_owned()
        ]
    );
    assert_eq!(
        texts(
            "# Plans\n\nWe will meet:\n- on Monday\n- on Friday\n\nBring a cake and something to drink, please."
        ),
        [
            "# Plans\n\nWe will meet:\n- on Monday\n- on Friday",
            "Bring a cake and something to drink, please."
        ]
    );
    // Wrapped lines are one sentence.
    assert_eq!(
        texts("I went to see the doctor in the\nbig house on the hill."),
        ["I went to see the doctor in the\nbig house on the hill."]
    );
    assert_eq!(texts("One.\n\n---\n\nTwo."), ["One.", "Two."]);
    assert_eq!(texts("我昨天去了北京，参观了故宫博物院和长城，还和老朋友王芳一起在胡同里吃了一顿非常好吃的北京烤鸭，晚上又去听了京剧，直到半夜才回到酒店。她今天回上海了，因为她明天早上要在公司参加一个重要的会议，下个星期还要去广州出差，所以这次我们只能在北京一起度过短短的一天时间。").len(), 2);
}

#[test]
fn names_are_found() {
    for (text, expected) in [
        ("Yesterday Alice met Bob in New York.", vec!["Alice", "Bob", "New York"]),
        ("Hey Caroline! Woohoo Mel.", vec!["Caroline", "Mel"]),
        ("She studies at the University of Oxford.", vec!["University of Oxford"]),
        ("New York is big", vec!["New York"]),
        ("Visiting Paris was fun. I'm in Rome's centre.", vec!["Paris", "Rome"]),
        ("We saw Dr. Smith and Vincent van Gogh at NASA", vec!["Dr. Smith", "Vincent van Gogh", "NASA"]),
        ("ask @alice_b or mail bob@example.com", vec!["@alice_b"]),
        ("Zorblax said it. GitHub is down, FYI.", vec!["Zorblax", "GitHub"]),
        ("Pottery is fun. I love Pottery.", vec!["Pottery"]),
        ("In the US and the UK", vec!["US", "UK"]),
        ("我在Google工作", vec!["Google"]),
        ("It was Jean-Luc O'Brien's iPhone", vec!["Jean-Luc O'Brien", "iPhone"]),
        ("Alice and alice and ALICE", vec!["Alice"]),
    ] {
        assert_eq!(names(text), expected, "{text:?}");
    }
}

#[test]
fn what_only_looks_like_a_name_is_none() {
    for text in [
        "Dinner was good. Work is hard.",
        "On Monday, in May, I think I'm OK.",
        "THIS IS REALLY NOT FUNNY AT ALL",
        "See https://Example.com/Some/Path.Html",
        "Simple Fresh Italian Home Pasta Dishes",
        "Don't! We've seen It's fine.",
        "Wow, Really? Yes!",
    ] {
        assert_eq!(names(text), Vec::<String>::new(), "{text:?}");
    }
}

#[test]
fn names_are_bounded_and_begin_with_the_speaker() {
    let many: Vec<String> = (b'a'..=b'z').map(|c| format!("x Q{}uux", char::from(c))).collect();
    assert_eq!(names(&many.join(", ")).len(), 12);
    assert_eq!(names("user: I met Ann"), ["user", "Ann"]);
    assert_eq!(names("Mel: Hey Caroline, Mel here"), ["Mel", "Caroline"]);
}

fn squeezed(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

proptest! {
    #[test]
    fn prose_loses_no_word(text in "(?s)([A-Za-zé我。.!?,\\-#|*>1: \n'\"@]{0,40}(\n\n|\n- |\\. | )){0,12}|.{0,200}") {
        // A dialogue repeats the speaker in the pieces of a cut turn; these texts are too short for one.
        prop_assume!(json::array(&text).is_none() && json::lines(&text).is_none());
        prop_assert_eq!(squeezed(&texts(&text).concat()), squeezed(&text));
    }

    #[test]
    fn long_text_loses_no_word(text in "([a-zA-Z]{1,30}[ ,\n]{0,2}){0,300}", more in "[a-z]{0,1500}") {
        let text = format!("{text} {more}");
        let facts = texts(&text);
        prop_assert_eq!(squeezed(&facts.concat()), squeezed(&text));
        prop_assert!(facts.iter().all(|fact| fact.chars().count() <= MAX_FACT));
    }

    #[test]
    fn turns_in_are_turns_out(said in proptest::collection::vec("[a-z][a-zA-Z ,.!?'0-9]{0,80}[a-z.?!]", 2..12)) {
        let lines: Vec<String> =
            said.iter().enumerate().map(|(at, said)| format!("{}: {said}", ["Ann", "Ben"][at % 2])).collect();
        prop_assert_eq!(texts(&lines.join("\n")), lines);
    }
}
