//! A worker for this crate's own tests: confines itself as any worker does, then does what one line on its job socket
//! says and answers in plain text; or, started as `unconfined:ATTEMPT`, makes that attempt without any confinement, to show
//! that it is a real one. Not installed.
#![allow(unsafe_code)]

use rustix::{
    fs::{AtFlags, Mode, OFlags, RawDir, ResolveFlags, openat2, statat},
    net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg},
};
use sandbox::{Confined, Role};
use std::{
    fs::{self, File},
    io::{self, IoSliceMut, Read, Write},
    mem::MaybeUninit,
    os::fd::{BorrowedFd, OwnedFd},
    path::Path,
    process::ExitCode,
    time::Duration,
};

const SOFFICE: &str = "/usr/lib/libreoffice/program/soffice.bin";

#[global_allocator]
static MEMORY: sandbox::BoundedMemory = sandbox::BoundedMemory;

fn main() -> ExitCode {
    if let Some(name) = std::env::args().nth(1).as_deref().and_then(|word| word.strip_prefix("unconfined:")) {
        let made = name.parse::<sandbox::Attempt>().map(sandbox::Attempt::make);
        return ExitCode::from(u8::from(!matches!(made, Ok(Ok(_)))));
    }
    let Ok((role, limits)) = sandbox::arguments() else {
        return ExitCode::from(120);
    };
    let Ok(mut confined) = sandbox::confine(role, &limits) else {
        return ExitCode::from(121);
    };
    match serve(&mut confined) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let told = write!(confined.answers(), "failed: {error}");
            ExitCode::from(if told.is_ok() { 122 } else { 123 })
        }
    }
}

fn serve(confined: &mut Confined) -> io::Result<u8> {
    let (order, input) = receive(confined)?;
    let (verb, argument) = order.split_once(' ').unwrap_or((&order, ""));
    let answer = match verb {
        "exit" => return argument.parse().map_err(io::Error::other),
        "hold" => {
            // Tells that it is at work, then never ends by itself.
            confined.answers().write_all(b"holding")?;
            confined.answers().flush()?;
            loop {
                std::hint::spin_loop();
            }
        }
        "spin" => loop {
            std::hint::spin_loop();
        },
        "attempt" => format!("{:?}", argument.parse::<sandbox::Attempt>().map_err(io::Error::other)?.make()),
        "abort" => std::process::abort(),
        "fault" => {
            // SAFETY: none; the fault is what is asked for.
            unsafe { std::ptr::without_provenance_mut::<u8>(64).write_volatile(1) };
            String::new()
        }
        "allocate" => {
            let bytes: usize = argument.parse().map_err(io::Error::other)?;
            format!("allocated {}", vec![1_u8; bytes].len())
        }
        "fill" => {
            // Half of it in a file of the work directory, half in memory: neither alone is too much.
            let half: usize = argument.parse::<usize>().map_err(io::Error::other)? / 2;
            fs::write("/work/file", vec![1_u8; half])?;
            format!("filled {}", vec![1_u8; half].len() + half)
        }
        "read-input" => {
            let mut text = String::new();
            File::from(required(input)?).read_to_string(&mut text)?;
            text
        }
        "write-input" => {
            File::from(required(input)?).write_all(b"overwritten")?;
            "written".to_owned()
        }
        "list" => list(confined)?,
        "read" => read(confined, argument, ResolveFlags::BENEATH)?,
        "read-anywhere" => read(confined, argument, ResolveFlags::empty())?,
        "stat" => {
            let root = confined.root().ok_or(io::ErrorKind::NotFound)?;
            format!("{} bytes", statat(root, argument, AtFlags::empty())?.st_size)
        }
        "inventory" => inventory(),
        "run-briefly" => {
            // Without a document it stays; even its start takes longer than this.
            let arguments = ["-env:UserInstallation=file:///work/profile", "--headless"];
            let brief = Duration::from_millis(100);
            let exit = confined.run_office(Path::new(SOFFICE), &arguments.map(Into::into), brief);
            format!("{:?}", exit.map_err(io::Error::other)?)
        }
        "convert" => convert(confined, argument, required(input)?)?,
        "write-file" => {
            fs::write(argument, "x")?;
            "written".to_owned()
        }
        "read-file" => fs::read_to_string(argument)?,
        "run" => format!("{:?}", confined.run_office(Path::new(argument), &[], Duration::from_secs(20)).map_err(io::Error::other)?),
        _ => return Err(io::ErrorKind::Unsupported.into()),
    };
    confined.answers().write_all(answer.as_bytes())?;
    Ok(0)
}

/// The numbers of the open descriptors, and how many variables the environment has.
fn inventory() -> String {
    let open: Vec<i32> = (0..64)
        .filter(|number| {
            // SAFETY: a number that is not open only makes the call fail.
            rustix::io::fcntl_getfd(unsafe { BorrowedFd::borrow_raw(*number) }).is_ok()
        })
        .collect();
    format!("{open:?} {}", std::env::vars_os().count())
}

fn required(input: Option<OwnedFd>) -> io::Result<OwnedFd> {
    input.ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// One order, and the descriptor that came with it.
fn receive(confined: &mut Confined) -> io::Result<(String, Option<OwnedFd>)> {
    let mut text = [0_u8; 4096];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(confined.job(), &mut [IoSliceMut::new(&mut text)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    let mut input = None;
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(mut descriptors) = message {
            input = descriptors.next();
        }
    }
    let order = text.get(..received.bytes).unwrap_or_default();
    Ok((String::from_utf8_lossy(order).into_owned(), input))
}

fn list(confined: &Confined) -> io::Result<String> {
    let root = confined.root().ok_or(io::ErrorKind::NotFound)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let directory = openat2(root, ".", flags, Mode::empty(), ResolveFlags::BENEATH)?;
    let mut space = [MaybeUninit::uninit(); 8192];
    let mut entries = RawDir::new(directory, &mut space);
    let mut names = Vec::new();
    while let Some(entry) = entries.next() {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names.join("|"))
}

fn read(confined: &Confined, path: &str, resolve: ResolveFlags) -> io::Result<String> {
    let root = confined.root().ok_or(io::ErrorKind::NotFound)?;
    let file = openat2(root, path, OFlags::RDONLY, Mode::empty(), resolve)?;
    let mut text = String::new();
    File::from(file).read_to_string(&mut text)?;
    Ok(text)
}

/// Converts the input, named `name` in the jail, to PDF; the profile is LibreOffice's own first-start one.
fn convert(confined: &mut Confined, name: &str, input: OwnedFd) -> io::Result<String> {
    let document = Path::new("/work").join(name);
    io::copy(&mut File::from(input), &mut File::create(&document)?)?;
    let arguments = [
        "-env:UserInstallation=file:///work/profile",
        "--headless",
        "--norestore",
        "--nologo",
        "--convert-to",
        "pdf",
        "--outdir",
        "/work/out",
    ]
    .map(Into::into)
    .into_iter()
    .chain([document.clone().into_os_string()])
    .collect::<Vec<_>>();
    debug_assert_eq!(confined.role(), Role::RenderOffice);
    let mut exits = Vec::new();
    // The first start with an empty profile sets it up and asks to be started again with code 81.
    for _ in 0..2 {
        let exit = confined.run_office(Path::new(SOFFICE), &arguments, Duration::from_mins(1)).map_err(io::Error::other)?;
        exits.push(exit);
        if exit != sandbox::Exit::Code(81) {
            break;
        }
    }
    let pdf = Path::new("/work/out").join(document.file_stem().unwrap_or_default()).with_extension("pdf");
    let bytes = fs::read(pdf).map_err(|error| io::Error::other(format!("{exits:?} {error}")))?;
    Ok(format!("{} {}", String::from_utf8_lossy(bytes.get(..5).unwrap_or_default()), bytes.len()))
}
