use proptest::prelude::*;
use serde_json::json;

use super::*;

const TEXT: &str = "\
Lead.

# People

Ann drinks tea.

| who | what |
| --- | ---- |
| Ann | tea |

```sh
# no heading

still code
```

## Places ##

Rome.";

fn document() -> Document {
    Document::of(TEXT)
}

/// The id of the block that begins so.
fn block(document: &Document, begin: &str) -> (String, String) {
    let mut all =
        document.sections.iter().flat_map(|section| section.blocks.iter().map(move |b| (section, b)));
    let (section, block) = all.find(|(_, block)| block.text.starts_with(begin)).expect("a block");
    (section.id.clone(), block.id.clone())
}

#[test]
fn a_text_is_cut_at_headings_and_empty_lines_outside_of_code() {
    let document = document();
    let shape: Vec<(&str, u8, usize)> = document
        .sections
        .iter()
        .map(|section| (section.id.as_str(), section.level, section.blocks.len()))
        .collect();
    assert_eq!(shape, [("preamble", 1, 1), ("people", 1, 3), ("places", 2, 1)]);
    assert!(document.markdown().contains("```sh\n# no heading\n\nstill code\n```\n\n## Places\n\nRome."));
    assert_eq!(Document::of(&document.markdown()), document);
    assert!(Document::of(" \n\t\n").is_empty() && Document::of("# Only a heading").is_empty());
    let same = Document::of("# A\n\nx\n\n# A\n\nx");
    assert_eq!(same.ids().iter().map(|(id, _)| *id).collect::<Vec<_>>(), ["a", "a-2"]);
    let ids: Vec<&str> = same.ids().into_iter().flat_map(|(_, blocks)| blocks).collect();
    assert!(ids[1] == format!("{}-2", ids[0]) && ids[0].len() == 9, "{ids:?}");
}

#[test]
fn what_was_stored_in_another_form_is_read_from_its_text() {
    let document = document();
    let value = json!(document);
    assert_eq!(value["version"], 2);
    assert_eq!(Document::stored(Some(&value), &document.markdown()), document);
    for other in [json!({"version": 1, "sections": []}), json!(7), json!({"version": 2, "sections": []})] {
        assert_eq!(Document::stored(Some(&other), TEXT), document, "{other}");
    }
    assert_eq!(Document::stored(None, TEXT), document);
}

#[test]
fn sections_as_somebody_writes_them_become_a_document() {
    let written = [
        Written { heading: String::new(), level: 1, blocks: vec!["Lead.\n\nMore.".to_owned()] },
        Written { heading: "# A #".to_owned(), level: 9, blocks: vec!["```\nopen".to_owned()] },
        Written { heading: "B".to_owned(), level: 0, blocks: vec!["# C\n\nc".to_owned(), " ".to_owned()] },
    ];
    let document = Document::written(&written);
    assert_eq!(document.markdown(), "Lead.\n\nMore.\n\n###### A\n\n```\nopen\n```\n\n# B\n\n# C\n\nc");
    assert_eq!(
        document.sections.iter().map(|section| section.blocks.len()).collect::<Vec<_>>(),
        [2, 1, 0, 1]
    );
}

#[test]
fn a_change_touches_what_it_names_and_nothing_else() {
    let before = document();
    let (people, tea) = block(&before, "Ann drinks");
    let mut after = before.clone();
    let text = "Ann drinks milk.".to_owned();
    let change = Change::ReplaceBlock { section_id: people.clone(), block_id: tea.clone(), text };
    after.apply(&change).unwrap();
    assert_eq!(after.markdown(), before.markdown().replace("Ann drinks tea.", "Ann drinks milk."));
    assert_eq!(after.ids(), before.ids(), "ids stay");
    after.apply(&Change::RemoveBlock { section_id: people.clone(), block_id: tea.clone() }).unwrap();
    let again = after.apply(&Change::RemoveBlock { section_id: people.clone(), block_id: tea.clone() });
    assert_eq!(again, Err(format!("section 'people' has no block '{tea}'")));
    let gone = after.apply(&Change::RemoveSection { section_id: "x".to_owned() });
    assert_eq!(gone, Err("there is no section 'x'".to_owned()));
    // A block of another section is none of this one.
    let (_, rome) = block(&after, "Rome");
    assert!(after.apply(&Change::RemoveBlock { section_id: people, block_id: rome }).is_err());
}

#[test]
fn blocks_and_sections_are_added_in_their_places() {
    let mut document = Document::of("# A\n\none");
    let (section_id, one) = block(&document, "one");
    let insert = |after: Option<&str>, text: &str| Change::InsertBlock {
        section_id: section_id.clone(),
        after_block_id: after.map(str::to_owned),
        text: text.to_owned(),
    };
    document.apply(&insert(None, "zero")).unwrap();
    document.apply(&insert(Some(&one), "two\n\nthree")).unwrap();
    let add = |heading: &str, after: Option<&str>| Change::AddSection {
        heading: heading.to_owned(),
        level: 2,
        blocks: vec!["x".to_owned()],
        after_section_id: after.map(str::to_owned),
        new_id: None,
    };
    document.apply(&add("## C", None)).unwrap();
    document.apply(&add("B", Some("a"))).unwrap();
    assert_eq!(document.markdown(), "# A\n\nzero\n\none\n\ntwo\n\nthree\n\n## B\n\nx\n\n## C\n\nx");
    let rename = Change::RenameSection { section_id: "b".to_owned(), new_heading: "Bee".to_owned() };
    document.apply(&rename).unwrap();
    assert_eq!(document.sections[1].id, "b", "a section keeps its id");
    let blocks = vec!["two".to_owned(), "new".to_owned()];
    let (_, two) = block(&document, "two");
    document.apply(&Change::ReplaceSectionBlocks { section_id: section_id.clone(), blocks }).unwrap();
    assert!(document.markdown().starts_with("# A\n\ntwo\n\nnew\n\n## Bee"));
    assert_eq!(block(&document, "two").1, two, "what stays the same keeps its id");
    for bad in [insert(None, "# heading"), insert(None, " "), add(" # ", None), add("D", Some("nowhere"))] {
        let before = document.clone();
        assert!(document.apply(&bad).is_err(), "{bad:?}");
        assert_eq!(document, before, "what is not made changes nothing");
    }
}

#[test]
fn rows_go_to_the_table_in_front_of_them() {
    let mut document = document();
    let (section_id, table) = block(&document, "| who");
    let rows = Change::InsertBlock {
        section_id: section_id.clone(),
        after_block_id: Some(table.clone()),
        text: "| Bob | milk |".to_owned(),
    };
    document.apply(&rows).unwrap();
    assert!(document.markdown().contains("| Ann | tea |\n| Bob | milk |\n\n```sh"));
    let other = "| a |\n| - |\n| b |".to_owned();
    let own = Change::InsertBlock { section_id, after_block_id: Some(table), text: other };
    document.apply(&own).unwrap();
    assert!(document.markdown().contains("| Bob | milk |\n\n| a |"), "a table of its own stays one");
}

/// Texts that look like Markdown.
fn markdown() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        4 => "[a-c#`~| ]{0,8}",
        1 => Just("# A".to_owned()),
        1 => Just("## B ##".to_owned()),
        1 => Just("```".to_owned()),
        1 => Just("~~~~ x".to_owned()),
        1 => Just(String::new()),
        1 => Just("| - |\r".to_owned()),
    ];
    proptest::collection::vec(line, 0..12).prop_map(|lines| lines.join("\n"))
}

/// Changes of a document, of which some name what is there.
fn changes() -> impl Strategy<Value = Vec<(u8, usize, usize, String)>> {
    proptest::collection::vec((0_u8..8, 0_usize..4, 0_usize..4, markdown()), 1..8)
}

fn change(document: &Document, (kind, section, block, text): &(u8, usize, usize, String)) -> Change {
    let ids = document.ids();
    let found = ids.get(*section % ids.len().max(1));
    let section_id = found.map_or("nowhere", |(id, _)| id).to_owned();
    let block_id = found.and_then(|(_, blocks)| blocks.get(*block)).unwrap_or(&"none").to_string();
    let text = text.clone();
    let blocks = vec![text.clone(), "x".to_owned()];
    match kind {
        0 => Change::AppendBlock { section_id, text },
        1 => Change::InsertBlock { section_id, after_block_id: (block % 2 == 0).then_some(block_id), text },
        2 => Change::ReplaceBlock { section_id, block_id, text },
        3 => Change::RemoveBlock { section_id, block_id },
        4 => Change::AddSection {
            heading: text,
            level: 3,
            blocks,
            after_section_id: (block % 2 == 0).then_some(section_id),
            new_id: None,
        },
        5 => Change::RemoveSection { section_id },
        6 => Change::ReplaceSectionBlocks { section_id, blocks },
        _ => Change::RenameSection { section_id, new_heading: text },
    }
}

/// Headings, levels and texts, without ids.
fn shape(document: &Document) -> Vec<(String, u8, Vec<String>)> {
    let texts = |section: &Section| section.blocks.iter().map(|block| block.text.clone()).collect();
    document.sections.iter().map(|section| (section.heading.clone(), section.level, texts(section))).collect()
}

proptest! {
    #[test]
    fn to_cut_and_to_put_together_changes_nothing_the_second_time(text in markdown()) {
        let once = Document::of(&text).markdown();
        prop_assert_eq!(Document::of(&once).markdown(), once);
    }

    #[test]
    fn a_changed_document_is_read_back_as_it_is(text in markdown(), changes in changes()) {
        let mut document = Document::of(&split::closed(&text));
        for change in &changes {
            let change = self::change(&document, change);
            let before = document.clone();
            if document.apply(&change).is_err() {
                prop_assert_eq!(&document, &before, "what is not made changes nothing");
                continue;
            }
            // Sections that the change does not name stay as they are.
            let named = change.needs().0.map(str::to_owned);
            for section in &before.sections {
                if named.as_ref() != Some(&section.id) || matches!(change, Change::AddSection { .. }) {
                    prop_assert!(document.sections.contains(section), "{:?} touched {:?}", change, section);
                }
            }
            let ids: Vec<&str> = document.ids().into_iter().flat_map(|(id, blocks)| [vec![id], blocks].concat()).collect();
            let unique: std::collections::BTreeSet<&str> = ids.iter().copied().collect();
            prop_assert_eq!(ids.len(), unique.len(), "every id stands for one thing");
        }
        let read = Document::of(&document.markdown());
        prop_assert_eq!(shape(&read), shape(&document));
    }
}
