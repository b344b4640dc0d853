//! Scripts, programs, autostart files, shortcuts, and formats the policy does not release.

use crate::archive::zip_of;
use crate::bits::{self, Noise};
use crate::office::ole;
use crate::program;
use crate::tree::{Expected, Sample};
use anyhow::Result;
use model::{Format, Reason};

const BATCH: &str = "@echo off\r\nrem Zeigt das Datum\r\nsetlocal\r\nset GRUSS=Guten Tag\r\necho %GRUSS%, heute ist %DATE%\r\npause\r\n";
const POWERSHELL: &str = "param([string]$Ordner = '.')\r\n$ErrorActionPreference = 'Stop'\r\nfunction Get-Anzahl {\r\n    param($Pfad)\r\n    \
    (Get-ChildItem -Path $Pfad -File | Measure-Object).Count\r\n}\r\nWrite-Host \"Dateien: $(Get-Anzahl $Ordner)\"\r\n";
const VBS: &str =
    "Option Explicit\r\nDim gruss\r\ngruss = \"Guten Tag\"\r\nMsgBox gruss, vbInformation, \"Muster AG\"\r\nWScript.Quit 0\r\n";
const JS: &str = "'use strict';\r\nvar gruss = 'Guten Tag';\r\nfunction zeige(text) {\r\n  WScript.Echo(text);\r\n}\r\nzeige(gruss);\r\n";
const HTA: &str = "<html><head><title>Anmeldung</title>\r\n<HTA:APPLICATION ID=\"app\" APPLICATIONNAME=\"Anmeldung\" SINGLEINSTANCE=\"yes\"/>\r\n\
    <script language=\"VBScript\">\r\nSub Window_OnLoad\r\n  document.title = \"Anmeldung\"\r\nEnd Sub\r\n</script></head><body>Guten Tag</body></html>\r\n";
const SHELL: &str = "#!/bin/sh\n# Zählt Dateien\nset -eu\nls -1 \"${1:-.}\" | wc -l\n";
const PYTHON: &str = "#!/usr/bin/env python3\n\"\"\"Mittelwert einer Messreihe.\"\"\"\nimport statistics\nimport sys\n\n\ndef main() -> None:\n    \
    print(statistics.mean(float(z) for z in sys.stdin))\n\n\nif __name__ == \"__main__\":\n    main()\n";
const REGISTRY: &str = "Windows Registry Editor Version 5.00\r\n\r\n[HKEY_CURRENT_USER\\Software\\Muster AG]\r\n\"Sprache\"=\"de\"\r\n";
const AUTORUN: &str = "[autorun]\r\nopen=Programme\\setup.exe\r\nicon=Programme\\setup.exe,0\r\nlabel=Fotos\r\n";
const AUTORUN_LABEL: &str = "[autorun]\r\nlabel=Sicherung\r\nicon=stick.ico\r\n";
const DESKTOP_INI: &str = "[.ShellClassInfo]\r\nConfirmFileOp=0\r\nIconResource=C:\\Windows\\System32\\imageres.dll,3\r\n";
const URL: &str = "[InternetShortcut]\r\nURL=https://www.example.org/\r\n";

pub(super) fn samples() -> Result<Vec<Sample>> {
    let mut all = scripts();
    all.extend(autostart());
    all.extend(programs()?);
    all.extend(other_formats());
    Ok(all)
}

fn stripped(format: Format) -> Expected {
    Expected::withheld(Reason::Stripped, format)
}

fn scripts() -> Vec<Sample> {
    let at = |name: &str| format!("Technik/Skripte/{name}");
    vec![
        Sample::new(&at("gruss.bat"), "A batch file.", BATCH, stripped(Format::ScriptBatch)),
        Sample::new(&at("zaehlen.ps1"), "A PowerShell script.", POWERSHELL, stripped(Format::ScriptPowershell)),
        Sample::new(&at("gruss.vbs"), "A VBScript.", VBS, stripped(Format::ScriptVbs)),
        Sample::new(&at("gruss.js"), "A script of the Windows Script Host.", JS, stripped(Format::ScriptJs)),
        Sample::new(&at("Anmeldung.hta"), "An HTML application: script with the rights of a program.", HTA, stripped(Format::Hta)),
        Sample::new(&at("zaehlen.sh"), "A shell script.", SHELL, stripped(Format::ScriptShell)),
        Sample::new(&at("mittelwert.py"), "A Python script.", PYTHON, stripped(Format::ScriptPython)),
        Sample::new(&at("sprache.reg"), "A registry file.", REGISTRY, stripped(Format::Reg)),
        Sample::new(&at("Anleitung.txt"), "A PowerShell script that calls itself text.", POWERSHELL, stripped(Format::ScriptPowershell)),
    ]
}

fn autostart() -> Vec<Sample> {
    let at = |name: &str| format!("Verknüpfungen/{name}");
    let mut wide = vec![0xFF, 0xFE];
    wide.extend(bits::utf16le(AUTORUN_LABEL));
    let link = program::lnk("..\\..\\Windows\\notepad.exe", "Rechnung.txt /p", "C:\\Windows\\System32\\shell32.dll");
    vec![
        Sample::new("autorun.inf", "An autostart file that wants to run a program.", AUTORUN, stripped(Format::Autostart)),
        Sample::new(
            &at("AutoRun.inf"),
            "An autostart file in UTF-16, in a folder, that only names the medium.",
            wide,
            stripped(Format::Autostart),
        ),
        Sample::new(&at("desktop.ini"), "A folder's settings, which Windows reads unasked.", DESKTOP_INI, stripped(Format::Autostart)),
        Sample::new(&at("Rechnung.lnk"), "A Windows shortcut with arguments.", link, stripped(Format::Lnk)),
        Sample::new(&at("Muster AG.url"), "An internet shortcut.", URL, stripped(Format::Shortcut)),
    ]
}

fn programs() -> Result<Vec<Sample>> {
    let at = |name: &str| format!("Programme/{name}");
    let jar = zip_of(&[
        ("META-INF/MANIFEST.MF", b"Manifest-Version: 1.0\r\nMain-Class: Demo\r\n\r\n".to_vec()),
        ("Demo.class", program::java_class()),
    ]);
    Ok(vec![
        Sample::new(&at("setup.exe"), "A Windows program.", program::pe(), stripped(Format::Pe)),
        Sample::new(&at("Rechnung 2026-01.pdf"), "A Windows program that calls itself a PDF.", program::pe(), stripped(Format::Pe)),
        Sample::new(&at("werkzeug"), "A Linux program without an extension.", program::elf(), stripped(Format::Elf)),
        Sample::new(
            &at("installation.msi"),
            "What a Windows installer looks like from outside.",
            ole::msi_outline()?,
            stripped(Format::Msi),
        ),
        Sample::new(&at("anwendung.jar"), "A Java archive.", jar, stripped(Format::Java)),
        Sample::new(&at("Hausschrift.ttf"), "A font.", program::ttf_outline(), stripped(Format::Font)),
    ])
}

fn other_formats() -> Vec<Sample> {
    let at = |name: &str| format!("Sonstiges/{name}");
    let withheld = |format| Expected::withheld(Reason::FormatWithheld, format);
    vec![
        Sample::new(&at("Mitschnitt.wav"), "A sound recording.", program::wav(), withheld(Format::Audio)),
        Sample::new(&at("Film.mp4"), "The start of a film.", program::mp4_outline(), withheld(Format::Video)),
        Sample::new(&at("Abbild.iso"), "A disc image.", program::iso_outline(), withheld(Format::Iso)),
        Sample::new(
            &at("messwerte.dat"),
            "Bytes of no known format.",
            Noise::new(2026).bytes(3_000),
            Expected::withheld(Reason::FormatUnknown, Format::Unknown),
        ),
        Sample::new(&at("leer.txt"), "A file without content.", Vec::new(), Expected::withheld(Reason::Empty, Format::Empty)),
    ]
}
