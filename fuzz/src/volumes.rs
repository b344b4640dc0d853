//! Seeds of the readers of discs and of Unix file systems: small volumes, made by the ordinary tools (deploy/debian-packages.txt).

use crate::media::sparse;
use anyhow::{Context as _, Result, ensure};
use std::path::Path;
use std::process::Command;

const SECTOR: usize = 2_048;

fn run(program: &str, arguments: &[&str]) -> Result<()> {
    #[expect(clippy::disallowed_methods, reason = "makes a seed")]
    let mut command = Command::new(program);
    command.args(arguments).env("SOURCE_DATE_EPOCH", "1768478400").env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    let done = command.output().with_context(|| format!("{program}; see deploy/debian-packages.txt"))?;
    ensure!(done.status.success(), "{program}: {}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}

/// A few files of each kind in nested folders.
fn tree(root: &Path) -> Result<()> {
    std::fs::create_dir_all(root.join("ordner/a/b/c/d/e/f/g/h"))?;
    for (name, length) in [("eins.txt", 40), ("ordner/zwei.bin", 3_000), ("ordner/a/b/c/d/e/f/g/h/tief.txt", 10), ("leer", 0)] {
        std::fs::write(root.join(name), vec![b'x'; length])?;
    }
    std::fs::write(root.join("n".repeat(230)), b"langer Name")?;
    let holes = std::fs::File::create(root.join("loecher.bin"))?;
    for place in [0, 5_000, 20_000, 60_000] {
        std::os::unix::fs::FileExt::write_all_at(&holes, b"x", place)?;
    }
    std::os::unix::fs::symlink("eins.txt", root.join("verweis"))?;
    Ok(())
}

/// What `make` puts into the image it is told the name of, beside the tree.
fn made(make: impl Fn(&str, &str) -> Result<()>) -> Result<Vec<u8>> {
    let dir = tempfile::tempdir()?;
    let (folder, image) = (dir.path().join("tree"), dir.path().join("volume.img"));
    tree(&folder)?;
    make(folder.to_str().context("a path in UTF-8")?, image.to_str().context("a path in UTF-8")?)?;
    Ok(std::fs::read(image)?)
}

fn disc(options: &[&str]) -> Result<Vec<u8>> {
    made(|tree, image| run("genisoimage", &[&["-quiet", "-no-pad", "-o", image], options, &[tree]].concat()))
}

pub(crate) fn discs() -> Result<Vec<Vec<u8>>> {
    let forms: [&[&str]; 4] = [&["-R", "-J"], &["-J", "-D"], &["-D"], &["-R", "-udf"]];
    forms.into_iter().map(|options| Ok(sparse(&disc(options)?))).collect()
}

pub(crate) fn udf_volumes() -> Result<Vec<Vec<u8>>> {
    let mut bridge = disc(&["-udf", "-D"])?;
    // Without the descriptors of ISO 9660, UDF is all there is.
    for sector in bridge.chunks_mut(SECTOR).skip(16).take(8).filter(|sector| sector.get(1..6) == Some(&b"CD001"[..])) {
        sector.iter_mut().take(6).for_each(|byte| *byte = 0);
    }
    let mut seeds = vec![sparse(&bridge)];
    for options in [["--media-type=hd", "--blocksize=512"], ["--media-type=cdrw", "--blocksize=2048"]] {
        let formatted = made(|_, image| {
            std::fs::File::create(image)?.set_len(8 << 20)?;
            run("mkudffs", &[&options[..], &[image]].concat())
        })?;
        seeds.push(sparse(&formatted));
    }
    Ok(seeds)
}

pub(crate) fn ext_volumes() -> Result<Vec<Vec<u8>>> {
    let forms: [(&[&str], &str); 4] = [
        (&["-t", "ext2", "-O", "^resize_inode"], "256k"),
        (&["-t", "ext4", "-O", "^resize_inode,^has_journal"], "256k"),
        (&["-t", "ext4", "-O", "^resize_inode,^has_journal,inline_data", "-I", "256"], "256k"),
        (&["-t", "ext4", "-O", "^resize_inode", "-J", "size=1"], "4096k"),
    ];
    let volume = |(options, length): (&[&str], &str)| {
        made(|tree, image| run("mke2fs", &[&["-q", "-F", "-b", "1024", "-N", "48", "-d", tree], options, &[image, length]].concat()))
    };
    let mut seeds = forms.into_iter().map(|form| Ok(sparse(&volume(form)?))).collect::<Result<Vec<_>>>()?;
    let journal = made(|tree, image| {
        run(
            "mke2fs",
            &["-q", "-F", "-b", "1024", "-N", "48", "-d", tree, "-t", "ext4", "-O", "^resize_inode", "-J", "size=1", image, "4096k"],
        )?;
        let script = format!("{image}.commands");
        // Blocks of the tree get another state in the journal, and one is taken back.
        std::fs::write(&script, format!("jo\njw -b 60 {tree}/eins.txt\njw -b 1 {tree}/eins.txt\njw -r 60\njc\n"))?;
        run("debugfs", &["-w", "-f", &script, image])
    })?;
    seeds.push(sparse(&journal));
    Ok(seeds)
}
