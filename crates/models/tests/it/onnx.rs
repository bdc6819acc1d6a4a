//! Tiny models, written as the ONNX format says, with a tokenizer that knows a few words.

use std::fs;
use std::path::Path;

use serde_json::json;

/// Words that the tokenizer knows, after its marks. All others are one and the same.
const WORDS: [&str; 7] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "bad", "small"];

/// Kinds of numbers in the ONNX format.
const FLOAT: u64 = 1;
const INT64: u64 = 7;

/// Writes a model into `folder` whose logits are the sum of its words' weights, with the words'
/// `weights` in the order above, `outputs` numbers for each word.
pub(crate) fn write_sum_of_words(folder: &Path, outputs: u64, weights: &[f32]) {
    write(folder, &sum_of_words(outputs, weights));
}

/// Writes a model into `folder` that gives every token the `outputs` numbers of its word.
pub(crate) fn write_word_vectors(folder: &Path, outputs: u64, weights: &[f32]) {
    let mut graph = Vec::new();
    bytes(&mut graph, 1, &node("Gather", &["weights", "input_ids"], "last_hidden_state", &[]));
    write(folder, &model(graph, "last_hidden_state", 3, outputs, weights));
}

fn write(folder: &Path, model: &[u8]) {
    fs::write(folder.join("model.onnx"), model).unwrap();
    let vocabulary: serde_json::Map<_, _> =
        WORDS.iter().enumerate().map(|(id, word)| ((*word).to_owned(), json!(id))).collect();
    let mark = |id: u32| {
        let word = WORDS[id as usize];
        json!({"id": word, "ids": [id], "tokens": [word]})
    };
    let special = |word: &str, kind: u32| json!({"SpecialToken": {"id": word, "type_id": kind}});
    let text = |part: &str, kind: u32| json!({"Sequence": {"id": part, "type_id": kind}});
    let tokenizer = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": [],
        "normalizer": null,
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [special("[CLS]", 0), text("A", 0), special("[SEP]", 0)],
            "pair": [
                special("[CLS]", 0), text("A", 0), special("[SEP]", 0), text("B", 1), special("[SEP]", 1)
            ],
            "special_tokens": {"[CLS]": mark(2), "[SEP]": mark(3)}
        },
        "decoder": null,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"}
    });
    fs::write(folder.join("tokenizer.json"), tokenizer.to_string()).unwrap();
}

/// `logits = ReduceSum(Gather(weights, input_ids) * Unsqueeze(Cast(attention_mask)))`.
fn sum_of_words(outputs: u64, weights: &[f32]) -> Vec<u8> {
    let mut graph = Vec::new();
    for node in [
        node("Gather", &["weights", "input_ids"], "words", &[]),
        node("Cast", &["attention_mask"], "mask", &[("to", FLOAT)]),
        node("Unsqueeze", &["mask", "last"], "column", &[]),
        node("Mul", &["words", "column"], "counted", &[]),
        node("ReduceSum", &["counted", "middle"], "logits", &[("keepdims", 0)]),
    ] {
        bytes(&mut graph, 1, &node);
    }
    model(graph, "logits", 2, outputs, weights)
}

/// A model around the operations of `graph`, whose result has so many directions.
fn model(mut graph: Vec<u8>, result: &str, directions: usize, outputs: u64, weights: &[f32]) -> Vec<u8> {
    assert_eq!(weights.len(), WORDS.len() * usize::try_from(outputs).unwrap());
    bytes(&mut graph, 2, b"words");
    let weights: Vec<u8> = weights.iter().flat_map(|weight| weight.to_le_bytes()).collect();
    bytes(&mut graph, 5, &tensor("weights", FLOAT, &[WORDS.len() as u64, outputs], &weights));
    bytes(&mut graph, 5, &tensor("last", INT64, &[1], &2_i64.to_le_bytes()));
    bytes(&mut graph, 5, &tensor("middle", INT64, &[1], &1_i64.to_le_bytes()));
    for name in ["input_ids", "attention_mask", "token_type_ids"] {
        bytes(&mut graph, 11, &value(name, INT64, 2));
    }
    bytes(&mut graph, 12, &value(result, FLOAT, directions));

    let mut operators = Vec::new();
    number(&mut operators, 2, 13);
    let mut model = Vec::new();
    number(&mut model, 1, 8);
    bytes(&mut model, 8, &operators);
    bytes(&mut model, 7, &graph);
    model
}

fn node(operator: &str, inputs: &[&str], output: &str, attributes: &[(&str, u64)]) -> Vec<u8> {
    let mut node = Vec::new();
    for input in inputs {
        bytes(&mut node, 1, input.as_bytes());
    }
    bytes(&mut node, 2, output.as_bytes());
    bytes(&mut node, 4, operator.as_bytes());
    for (name, value) in attributes {
        let mut attribute = Vec::new();
        bytes(&mut attribute, 1, name.as_bytes());
        number(&mut attribute, 3, *value);
        // A whole number.
        number(&mut attribute, 20, 2);
        bytes(&mut node, 5, &attribute);
    }
    node
}

fn tensor(name: &str, kind: u64, shape: &[u64], data: &[u8]) -> Vec<u8> {
    let mut tensor = Vec::new();
    for size in shape {
        number(&mut tensor, 1, *size);
    }
    number(&mut tensor, 2, kind);
    bytes(&mut tensor, 8, name.as_bytes());
    bytes(&mut tensor, 9, data);
    tensor
}

/// Numbers in so many directions, of any count in each.
fn value(name: &str, kind: u64, directions: usize) -> Vec<u8> {
    let mut shape = Vec::new();
    for direction in 0..directions {
        let mut dimension = Vec::new();
        bytes(&mut dimension, 2, format!("{name} {direction}").as_bytes());
        bytes(&mut shape, 1, &dimension);
    }
    let mut table = Vec::new();
    number(&mut table, 1, kind);
    bytes(&mut table, 2, &shape);
    let mut kind = Vec::new();
    bytes(&mut kind, 1, &table);
    let mut value = Vec::new();
    bytes(&mut value, 1, name.as_bytes());
    bytes(&mut value, 2, &kind);
    value
}

fn number(message: &mut Vec<u8>, field: u64, value: u64) {
    varint(message, field << 3);
    varint(message, value);
}

fn bytes(message: &mut Vec<u8>, field: u64, value: &[u8]) {
    varint(message, field << 3 | 2);
    varint(message, value.len() as u64);
    message.extend_from_slice(value);
}

fn varint(message: &mut Vec<u8>, mut number: u64) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            message.push(low);
            return;
        }
        message.push(low | 0x80);
    }
}
