use super::*;

fn job(format: Format, filter: &str) -> OfficeJob {
    OfficeJob { format, import_filter: filter.to_owned(), max_pages: 2, wall_seconds: 60, max_output_bytes: 1 << 20 }
}

fn convert(run: &OfficeRun<'_>, job: &OfficeJob) -> Result<Vec<u8>, RenderError> {
    let work = tempfile::tempdir().unwrap();
    let mut pdf = Vec::new();
    office_to_pdf(run, work.path(), &mut &b"content"[..], job, &mut |piece| {
        pdf.extend_from_slice(piece);
        Ok(())
    })?;
    Ok(pdf)
}

#[test]
fn the_output_file_decides_and_is_capped() {
    let writer = job(Format::Docx, "MS Word 2007 XML");
    let nothing = convert(&|_, _, _| Ok(OfficeExit::Ended), &writer);
    assert!(matches!(nothing, Err(RenderError::NoOutput)));
    let late = convert(&|_, _, _| Ok(OfficeExit::TimedOut), &writer);
    assert!(matches!(late, Err(RenderError::Timeout(60))));
    let missing = convert(&|_, _, _| Err(io::Error::from(io::ErrorKind::NotFound)), &writer);
    assert!(matches!(missing, Err(RenderError::Start(_))));
    let writes = |length: usize| {
        move |_: &Path, arguments: &[OsString], _: Duration| {
            let input = Path::new(arguments.last().unwrap());
            assert_eq!(fs::read(input)?, b"content");
            let profile = input.with_file_name("profile").join("user");
            assert!(profile.join("registrymodifications.xcu").is_file() && profile.join("extensions/buildid").is_file());
            fs::write(input.with_file_name("out").join("in.pdf"), vec![b'x'; length])?;
            Ok(OfficeExit::Ended)
        }
    };
    assert_eq!(convert(&writes(100_000), &writer).unwrap().len(), 100_000);
    assert!(matches!(convert(&writes((1 << 20) + 1), &writer), Err(RenderError::Output(_))));
    let links = |_: &Path, arguments: &[OsString], _: Duration| {
        let out = Path::new(arguments.last().unwrap()).with_file_name("out");
        std::os::unix::fs::symlink("/etc/passwd", out.join("in.pdf"))?;
        Ok(OfficeExit::Ended)
    };
    assert!(matches!(convert(&links, &writer), Err(RenderError::NoOutput)));
}

#[test]
fn the_command_line_forces_filter_profile_and_page_range() {
    let arguments = office_arguments(Path::new("/work"), &job(Format::Xlsx, "Calc MS Excel 2007 XML")).unwrap();
    let words: Vec<&str> = arguments.iter().map(|word| word.to_str().unwrap()).collect();
    assert!(words.contains(&"-env:UserInstallation=file:///work/profile"));
    assert!(words.contains(&"--infilter=Calc MS Excel 2007 XML"));
    assert!(words.contains(&r#"pdf:calc_pdf_Export:{"PageRange":{"type":"string","value":"1-2"}}"#));
    assert_eq!(words.last(), Some(&"/work/in.xlsx"));
    assert!(matches!(office_arguments(Path::new("/work"), &job(Format::Pe, "x")), Err(RenderError::Unsupported)));
}

#[test]
fn the_profile_records_the_installed_version_and_is_well_formed() {
    assert_eq!(installed_version("[Bootstrap]\nProductKey=LibreOffice 7.4\nUserInstallation=x\n"), "7.4");
    assert_eq!(installed_version("ProductKey=LibreOffice 7.4<&\n"), "7.4");
    assert_eq!(installed_version(""), "0.0");
    assert_eq!(build_number("[Version]\nAllLanguages=de\nbuildid=40(Build:2)\n"), "40(Build:2)");
    assert_eq!(build_number(""), "");
    let text = profile("7.4");
    let mut reader = quick_xml::Reader::from_str(&text);
    let mut items = 0;
    loop {
        match reader.read_event().unwrap() {
            quick_xml::events::Event::Start(element) if element.name().as_ref() == "item" => {
                items += 1;
            }
            quick_xml::events::Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(items, SETTINGS.len() + 1);
    assert!(text.contains(r#"ooSetupLastVersion" oor:op="fuse"><value>7.4<"#));
}
