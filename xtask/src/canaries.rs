//! Writes the stored canaries: `testkit::canary` makes them, `pipeline::canary` carries them.

use anyhow::Context as _;
use std::path::Path;

pub fn write(root: &Path) -> anyhow::Result<()> {
    let dir = root.join("crates/pipeline/src/canary/inert");
    std::fs::create_dir_all(&dir)?;
    for (name, content) in testkit::canary::stored() {
        let path = dir.join(format!("{name}.bin"));
        std::fs::write(&path, testkit::canary::inert(&content)).with_context(|| format!("writing {}", path.display()))?;
        println!("{} ({} bytes)", path.display(), content.len());
    }
    Ok(())
}
