//! Names of outputs: the mapped name plus the extension of what it now is, kept apart where a target would merge them.

use model::names::collision_key;
use std::collections::BTreeSet;

/// Hands out output paths; equal requests in equal order give equal paths.
#[derive(Debug, Default)]
pub struct OutputNames {
    taken: BTreeSet<String>,
}

impl OutputNames {
    /// The path for an output: `mapped` (components after the name policy) with `extension` appended unless the name
    /// already ends in it. Names that differ only by case or normal form get ` (2)`, ` (3)` … before the extension.
    pub fn path(&mut self, mapped: &[String], extension: &str) -> Vec<String> {
        let Some((name, parents)) = mapped.split_last() else { return Vec::new() };
        let same = |ext: &str| ext.eq_ignore_ascii_case(extension) || (extension == "jpg" && ext.eq_ignore_ascii_case("jpeg"));
        let (stem, ending) = match name.rsplit_once('.') {
            _ if extension.is_empty() => (name.as_str(), String::new()),
            Some((stem, ext)) if !stem.is_empty() && same(ext) => (stem, format!(".{ext}")),
            _ => (name.as_str(), format!(".{extension}")),
        };
        let mut number = 1u32;
        loop {
            let candidate = if number == 1 { format!("{stem}{ending}") } else { format!("{stem} ({number}){ending}") };
            let path: Vec<String> = parents.iter().cloned().chain([candidate]).collect();
            if self.taken.insert(collision_key(&path.join("/"))) {
                return path;
            }
            number += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(names: &mut OutputNames, name: &str, extension: &str) -> String {
        names.path(&["d".into(), name.into()], extension).join("/")
    }

    #[test]
    fn the_new_kind_is_appended_and_twins_are_kept_apart() {
        let mut names = OutputNames::default();
        assert_eq!(path(&mut names, "Brief.docx", "pdf"), "d/Brief.docx.pdf");
        assert_eq!(path(&mut names, "a.PDF", "pdf"), "d/a.PDF");
        assert_eq!(path(&mut names, "A.pdf", "pdf"), "d/A (2).pdf");
        assert_eq!(path(&mut names, "brief.DOCX", "pdf"), "d/brief.DOCX (2).pdf");
        assert_eq!(path(&mut names, "foto.jpeg", "jpg"), "d/foto.jpeg");
        assert_eq!(path(&mut names, "README", "txt"), "d/README.txt");
        assert_eq!(path(&mut names, "fein.md", ""), "d/fein.md");
    }
}
