//! Volumes other programs made (dosfstools, mtools): FAT12, FAT16, FAT32, large sectors, and names of each kind.

use crate::common::{pattern, read_image};
use std::path::Path;
use std::process::Command;

fn run(program: &str, arguments: &[&str]) {
    #[expect(clippy::disallowed_methods, reason = "makes the test's own image")]
    let mut command = Command::new(program);
    // The names below are UTF-8, and the clock of the machine has no place in an image.
    let done = command.args(arguments).env("LC_ALL", "C.UTF-8").env("SOURCE_DATE_EPOCH", "1768478400").output();
    let done = done.unwrap_or_else(|error| panic!("{program}: {error}; dosfstools and mtools are needed"));
    assert!(done.status.success(), "{program}: {}", String::from_utf8_lossy(&done.stderr));
}

fn write(path: &Path, bytes: &[u8]) -> String {
    std::fs::write(path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn volumes_of_every_width_arrive_whole() {
    let dir = tempfile::tempdir().unwrap();
    let small = write(&dir.path().join("klein.txt"), b"klein");
    let large = write(&dir.path().join("Ein langer Name, groß.bin"), &pattern(300_000));
    let forms: [(&[&str], u64, &str); 5] = [
        (&["-F", "12"], 1_440 << 10, "fat12"),
        (&["-F", "12", "-s", "8"], 8 << 20, "fat12"),
        (&["-F", "16"], 16 << 20, "fat16"),
        (&["-F", "32"], 64 << 20, "fat32"),
        (&["-F", "16", "-S", "4096", "-s", "1"], 64 << 20, "fat16"),
    ];
    for (options, length, kind) in forms {
        let image = dir.path().join("medium.img");
        std::fs::File::create(&image).unwrap().set_len(length).unwrap();
        let image_name = image.to_str().unwrap();
        run("mkfs.vfat", &[&["-n", "MUSTER"], options, &[image_name]].concat());
        run("mmd", &["-i", image_name, "::ORDNER", "::ORDNER/unter"]);
        run("mcopy", &["-i", image_name, &small, "::ORDNER/unter/klein.txt"]);
        run("mcopy", &["-i", image_name, &small, "::WEG.TXT"]);
        run("mcopy", &["-i", image_name, &large, "::ORDNER/"]);
        run("mdel", &["-i", image_name, "::WEG.TXT"]);
        let sent = read_image(&std::fs::read(&image).unwrap());
        assert_eq!(sent.volumes, [("none".to_owned(), 0, kind.to_owned(), true)], "{options:?}");
        let mut paths = sent.paths();
        paths.sort_unstable();
        let wanted = ["ORDNER", "ORDNER/Ein langer Name, groß.bin", "ORDNER/unter", "ORDNER/unter/klein.txt"];
        assert_eq!(paths, wanted, "{options:?}");
        assert_eq!(sent.content("ORDNER/unter/klein.txt").bytes, b"klein");
        assert_eq!(sent.content("ORDNER/Ein langer Name, groß.bin").bytes, pattern(300_000), "{options:?}");
    }
}
