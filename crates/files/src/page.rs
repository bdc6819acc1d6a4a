//! HTML pages.

use std::rc::Rc;

use htmd::{HtmlToMarkdown, Node};

use crate::Limits;

/// What is in a page and is no text.
const NO_TEXT: &[&str] = &["script", "style", "noscript", "template", "svg", "head", "iframe", "object"];

/// The Markdown of a page.
pub(crate) fn markdown(html: &str, limits: &Limits) -> Result<String, String> {
    let converter = HtmlToMarkdown::builder().skip_tags(NO_TEXT.to_vec()).scripting_enabled(false).build();
    let tree = converter.html_to_tree(html).map_err(|error| format!("it is broken: {error}"))?;
    // The Markdown is written by a function that calls itself for each level.
    if is_deeper(&tree, limits.depth) {
        return Err(format!("its elements are nested more than {} deep", limits.depth));
    }
    Ok(converter.tree_to_markdown(&tree))
}

fn is_deeper(tree: &Rc<Node>, limit: usize) -> bool {
    let mut level = vec![Rc::clone(tree)];
    for _ in 0..=limit {
        level = level.iter().flat_map(|node| node.children.borrow().clone()).collect();
        if level.is_empty() {
            return false;
        }
    }
    true
}
