//! The README quotes few figures of speed, each as the benchmarks wrote it.

use latchkey_testkit::project;

/// More figures than these say nothing more.
const FIGURES_MAX: usize = 5;

/// The list items of a section.
fn items<'t>(page: &'t str, heading: &str) -> Vec<&'t str> {
    let section = page.split("\n## ").find(|section| section.starts_with(heading));
    let section = section.unwrap_or_else(|| panic!("no section `{heading}`"));
    section.lines().filter(|line| line.starts_with("- ")).collect()
}

#[test]
fn the_readme_quotes_the_results_of_the_benchmarks() {
    let readme = project::text("README.md");
    let results = project::text("dev/bench/RESULTS.md");
    let quoted = items(&readme, "Speed");
    assert!((1..=FIGURES_MAX).contains(&quoted.len()), "{quoted:#?}");
    let measured = items(&results, "In short");
    for line in quoted {
        assert!(measured.contains(&line), "`{line}` is not one of {measured:#?}");
    }
}
