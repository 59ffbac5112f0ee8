//! The Markdown files: every relative link and anchor resolves, and every page has the expected form.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use latchkey_testkit::project;
use regex::Regex;

/// Folders that contain nothing of the repository.
const SKIPPED: [&str; 5] = [".git", ".latchkey", ".tools", "node_modules", "target"];

const README_LINES_MAX: usize = 120;

const PAGE_LINES_MAX: usize = 250;

/// Returns the Markdown files of the repository, with their texts.
fn files() -> BTreeMap<PathBuf, String> {
    let mut files = BTreeMap::new();
    let mut folders = vec![project::root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let entry = entry.expect("an entry");
            let path = entry.path();
            if entry.file_type().expect("a type").is_dir() {
                if !SKIPPED.iter().any(|skipped| path.ends_with(skipped)) {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "md") {
                let text = fs::read_to_string(&path).expect("a text");
                files.insert(path, text);
            }
        }
    }
    files
}

/// Returns the lines of `text` that are not in a fenced block.
fn prose(text: &str) -> Vec<&str> {
    let mut fenced = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            lines.push(line);
        }
    }
    lines
}

/// Returns the targets of the links and images in `text`, without those in code.
fn targets(text: &str) -> Vec<String> {
    static CODE: LazyLock<Regex> =
        LazyLock::new(|| Regex::new("``.*?``|`[^`]*`").expect("a pattern"));
    static LINK: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\]\(([^)\s]+)\)").expect("a pattern"));
    let mut targets = Vec::new();
    for line in prose(text) {
        let line = CODE.replace_all(line, "");
        targets.extend(LINK.captures_iter(&line).map(|found| found[1].to_owned()));
    }
    targets
}

/// Returns the text of each heading of a level.
fn headings(text: &str, level: usize) -> Vec<String> {
    let mark = format!("{} ", "#".repeat(level));
    let lines = prose(text).into_iter();
    lines.filter_map(|line| line.strip_prefix(&mark)).map(|text| text.trim().to_owned()).collect()
}

/// Returns the anchor that GitHub gives a heading.
fn slug(heading: &str) -> String {
    static LINK: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\[([^\]]*)\]\([^)]*\)").expect("a pattern"));
    let text = LINK.replace_all(heading, "$1").to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Returns the anchors of a Markdown file. A repeated heading gets a number.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut anchors = BTreeSet::new();
    for line in prose(text) {
        let heading = line.trim_start_matches('#');
        let level = line.len() - heading.len();
        if !(1..=6).contains(&level) || !heading.starts_with(' ') {
            continue;
        }
        let slug = slug(heading.trim());
        let count = seen.entry(slug.clone()).or_default();
        anchors.insert(if *count == 0 { slug } else { format!("{slug}-{count}") });
        *count += 1;
    }
    anchors
}

/// Returns the problem with a link in the file at `path`; `None` if it resolves.
fn problem(files: &BTreeMap<PathBuf, String>, path: &Path, target: &str) -> Option<String> {
    if ["http://", "https://", "mailto:"].iter().any(|scheme| target.starts_with(scheme)) {
        return None;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let file = match file {
        "" => path.to_path_buf(),
        file => match path.parent().expect("a folder").join(file).canonicalize() {
            Ok(file) => file,
            Err(error) => return Some(format!("{target}: {error}")),
        },
    };
    if anchor.is_empty() {
        return None;
    }
    match files.get(&file) {
        None => Some(format!("{target}: not a Markdown file of this repository")),
        Some(text) if anchors(text).contains(anchor) => None,
        Some(_) => Some(format!("{target}: no such heading")),
    }
}

#[test]
fn every_relative_link_and_anchor_resolves() {
    let root = project::root().canonicalize().expect("a folder");
    let files: BTreeMap<PathBuf, String> = files()
        .into_iter()
        .map(|(path, text)| (path.canonicalize().expect("a file"), text))
        .collect();
    let mut checked = 0;
    let mut broken = Vec::new();
    for (path, text) in &files {
        for target in targets(text) {
            checked += 1;
            if let Some(problem) = problem(&files, path, &target) {
                let path = path.strip_prefix(&root).unwrap_or(path).display();
                broken.push(format!("{path}: {problem}"));
            }
        }
    }
    assert!(checked > 100, "only {checked} links were found");
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn a_broken_link_is_found() {
    let text =
        "# A heading\n[code](`x`) `[not](a-link.md)`\n```\n[nor](this.md)\n```\n[b](#a-heading)";
    assert_eq!(targets("[a](b.md#c) and ![d](e.svg)"), ["b.md#c", "e.svg"]);
    assert_eq!(targets(text), ["#a-heading"]);
    assert_eq!(slug("`GET /orders`, and [more](x.md): 401"), "get-orders-and-more-401");
    let path = project::root().canonicalize().expect("a folder").join("README.md");
    let files = BTreeMap::from([(path.clone(), text.to_owned())]);
    assert_eq!(problem(&files, &path, "#a-heading"), None);
    assert_eq!(problem(&files, &path, "Cargo.toml"), None);
    for broken in ["#another-heading", "missing.md", "Cargo.toml#a-heading"] {
        assert!(problem(&files, &path, broken).is_some(), "{broken}");
    }
}

#[test]
fn every_page_is_short_and_begins_with_its_table_of_contents() {
    let readme = project::text("README.md");
    assert!(readme.lines().count() <= README_LINES_MAX, "README.md is too long");
    let pages =
        files().into_iter().filter(|(path, _)| path.starts_with(project::root().join("docs")));
    let mut count = 0;
    for (path, text) in pages {
        count += 1;
        let path = path.display();
        assert!(text.lines().count() <= PAGE_LINES_MAX, "{path} is too long");
        let contents = headings(&text, 2);
        let expected = contents.iter().map(|heading| format!("- [{heading}](#{})", slug(heading)));
        let before = text.split("\n## ").next().expect("a start");
        let listed = before.lines().filter(|line| line.starts_with("- ["));
        assert!(listed.eq(expected), "{path}: the table of contents does not match the headings");
    }
    assert!(count >= 9, "only {count} pages were found");
}

#[test]
fn the_readme_links_to_every_page() {
    let linked = targets(&project::text("README.md"));
    for entry in fs::read_dir(project::root().join("docs")).expect("a folder") {
        let name = entry.expect("an entry").file_name().into_string().expect("a name");
        if name.ends_with(".md") {
            assert!(linked.contains(&format!("docs/{name}")), "README.md does not link to {name}");
        }
    }
}

#[test]
fn the_picture_shows_every_box_of_its_source() {
    let source = project::text("docs/overview.mmd");
    let picture = project::text("docs/overview.svg");
    let labels = Regex::new(r"\[\x22([^\x22]+)\x22\]").expect("a pattern");
    let shown = Regex::new("<text [^>]*>([^<]+)</text>").expect("a pattern");
    let every = |pattern: &Regex, text: &str| -> BTreeSet<String> {
        pattern.captures_iter(text).map(|found| found[1].to_owned()).collect()
    };
    assert_eq!(every(&shown, &picture), every(&labels, &source));
}

/// The threat model names the tests of its claims after a link to their file.
#[test]
fn every_test_that_the_threat_model_names_exists() {
    let named = Regex::new(r"\]\((\.\./[^)\s]+)\): (`\w+`(?:, `\w+`)*)").expect("a pattern");
    let page = project::text("docs/security.md");
    let mut found = 0;
    for captures in named.captures_iter(&page) {
        let file = captures[1].trim_start_matches("../");
        let code = project::text(file);
        for name in captures[2].split(", ").map(|name| name.trim_matches('`')) {
            let function =
                ["fn", "def"].iter().any(|word| code.contains(&format!("{word} {name}")));
            // A line of a table that a macro makes tests of.
            let row = code.contains(&format!("\n    {name}: "));
            assert!(function || row, "{file} has no test `{name}`");
            found += 1;
        }
    }
    assert!(found > 100, "{found}");
}
