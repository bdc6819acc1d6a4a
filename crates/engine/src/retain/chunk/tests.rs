use proptest::prelude::*;

use super::*;

fn limits(chunk_size: usize, structured_chunk_size: usize) -> ChunkLimits {
    ChunkLimits { chunk_size, structured_chunk_size }
}

#[test]
fn what_fits_is_unchanged() {
    for text in ["", "  padded \n", "[ {\"a\":1} ]", "ééééé"] {
        assert_eq!(chunk(text, limits(12, 12)), [text]);
    }
}

#[test]
fn text_is_cut_at_the_best_separator() {
    for (text, size, expected) in [
        ("one two\n\nthree four\n\nfive", 20, vec!["one two\n\nthree four", "five"]),
        ("one two\nthree four\nfive", 20, vec!["one two\nthree four", "five"]),
        ("Aaa bbb. Ccc ddd. Eee", 10, vec!["Aaa bbb", ". Ccc ddd", ". Eee"]),
        ("aaaa bbbb cccc", 9, vec!["aaaa bbbb", "cccc"]),
        ("abcdefghij", 4, vec!["abcd", "efgh", "ij"]),
        ("ééééé", 2, vec!["éé", "éé", "é"]),
        ("a\n\nbbbbbbbb cc\n\nd", 6, vec!["a", "bbbbb", "bbb", "cc", "d"]),
        ("x\n\n\n\n\n\ny", 4, vec!["x", "y"]),
        ("      ", 3, vec![]),
        ("abc", 1, vec!["a", "b", "c"]),
    ] {
        assert_eq!(chunk(text, limits(size, size)), expected, "{text:?}");
    }
}

#[test]
fn a_conversation_is_packed_by_whole_turns() {
    let text = r#"[{"role":"user","content":"hi"},{"role":"bot","content":"h\u00e9"},{"role":"user","content":"bye"}]"#;
    let turns = [
        r#"{"role": "user", "content": "hi"}"#,
        r#"{"role": "bot", "content": "hé"}"#,
        r#"{"role": "user", "content": "bye"}"#,
    ];
    // 2 for the brackets and one more than its length per turn.
    let two = 2 + turns[0].len() + 1 + turns[1].chars().count() + 1;
    let expected = [format!("[{}, {}]", turns[0], turns[1]), format!("[{}]", turns[2])];
    assert_eq!(chunk(text, limits(two, two)), expected);
    let single = turns.map(|turn| format!("[{turn}]"));
    assert_eq!(chunk(text, limits(two - 1, two)), single);
}

#[test]
fn an_oversized_turn_is_cut_as_text_between_its_neighbours() {
    let long = "word ".repeat(20);
    let text = format!(r#"[{{"a":"x"}},{{"a":"{long}"}},{{"a":"y"}}]"#);
    let chunks = chunk(&text, limits(40, 40));
    assert_eq!(chunks.first().unwrap(), r#"[{"a": "x"}]"#);
    assert_eq!(chunks.last().unwrap(), r#"[{"a": "y"}]"#);
    assert!(chunks.len() > 4 && chunks.iter().all(|chunk| chunk.chars().count() <= 40));
    // A larger limit for structured items keeps it whole.
    assert_eq!(chunk(&text, limits(40, 400)).len(), 3);
}

#[test]
fn json_objects_and_lines() {
    let object = format!("{{\"text\": \"{}\"}}", "word ".repeat(10));
    assert_eq!(chunk(&object, limits(20, 100)), [object.as_str()]);
    assert!(chunk(&object, limits(20, 30)).len() > 1);
    let lines = "{\"a\":1}\n\n{\"b\":2}\n{\"c\":3}\n";
    assert_eq!(chunk(lines, limits(16, 16)), ["{\"a\":1}\n{\"b\":2}", "{\"c\":3}"]);
    assert_eq!(chunk(lines, limits(15, 15)), ["{\"a\":1}", "{\"b\":2}", "{\"c\":3}"]);
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect()
}

fn document() -> impl Strategy<Value = String> {
    let prose = proptest::collection::vec("[a-zé。]{0,12}(\n\n|\n|\\. |! |\\? |; |, | |🎉)", 0..30)
        .prop_map(|v| v.concat());
    let turn = ("[a-z]{0,6}", "[a-zé \\\\n]{0,40}", -1.0e9_f64..1.0e9).prop_map(|(role, text, number)| {
        serde_json::json!({"role": role, "content": text, "n": number}).to_string()
    });
    let array =
        proptest::collection::vec(turn.clone(), 0..12).prop_map(|turns| format!("[{}]", turns.join(",\n")));
    let lines = proptest::collection::vec(turn, 0..12).prop_map(|turns| turns.join("\n"));
    prop_oneof![prose, array, lines, "(?s).{0,200}"]
}

proptest! {
    #[test]
    fn cutting_again_changes_nothing(text in document(), size in 1_usize..80, structured in 1_usize..120) {
        let limits = limits(size, structured);
        for piece in chunk(&text, limits) {
            prop_assert_eq!(chunk(&piece, limits), vec![piece]);
        }
    }

    #[test]
    fn text_loses_only_white_space_and_keeps_the_limit(text in "(?s)[a-zé。.!?;, \n]{0,300}", size in 1_usize..60) {
        let chunks = chunk(&text, limits(size, size));
        prop_assert!(chunks.iter().all(|chunk| chunk.chars().count() <= size));
        prop_assert_eq!(squeezed(&chunks.concat()), squeezed(&text));
    }

    #[test]
    fn items_keep_what_they_hold(text in document(), size in 20_usize..80) {
        // Without oversized items every chunk is valid JSON of the same kind.
        if let Some(objects) = json::array(&text) {
            let found: Vec<_> = chunk(&text, limits(size, 10_000))
                .iter()
                .flat_map(|chunk| json::array(chunk).unwrap())
                .map(|object| object.fields)
                .collect();
            prop_assert_eq!(found, objects.into_iter().map(|object| object.fields).collect::<Vec<_>>());
        }
    }
}
