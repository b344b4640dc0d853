// Shortcuts of Windows and Linux desktops: a file that names another one to run or to fetch.

rule shortcuts_lnk_command : shortcuts
{
    meta:
        effect = "suspicious"
        title_en = "A shortcut calls a command interpreter or a script host."
        title_de = "Eine Verknüpfung ruft einen Befehls- oder Skriptinterpreter auf."
        reference = "MITRE ATT&CK T1204.002; MS-SHLLINK 2.1"
    strings:
        $head = { 4C 00 00 00 01 14 02 00 00 00 00 00 C0 00 00 00 00 00 00 46 }
        $host = /(cmd|powershell|pwsh|mshta|wscript|cscript|rundll32|regsvr32|certutil|bitsadmin|msiexec|forfiles|pcalua|conhost|explorer|ftp|curl|ssh|python|node|hh)\.exe/ ascii wide nocase
    condition:
        $head at 0 and $host
}

rule shortcuts_lnk_download : shortcuts
{
    meta:
        effect = "malicious"
        title_en = "A shortcut carries hidden commands that fetch or decode a program."
        title_de = "Eine Verknüpfung enthält versteckte Befehle, die ein Programm nachladen oder entschlüsseln."
        reference = "MITRE ATT&CK T1204.002, T1059.001"
    strings:
        $head = { 4C 00 00 00 01 14 02 00 00 00 00 00 C0 00 00 00 00 00 00 46 }
        $host = /(powershell|pwsh|cmd|mshta|wscript|cscript|rundll32|regsvr32|forfiles|conhost|curl|certutil|bitsadmin|msiexec)/ ascii wide nocase
        $encoded1 = "-enc" wide nocase
        $encoded2 = "/enc" wide nocase
        $encoded3 = " -e " wide nocase
        $encoded4 = " -ec " wide nocase
        $hidden = "hidden" wide nocase
        $minimal = " -w 1" wide nocase
        $web = /https?:\/\/[a-z0-9]/ wide nocase
        $iex = "Invoke-Expression" wide nocase
        $base64 = "FromBase64String" wide nocase
        $bypass = "ExecutionPolicy Bypass" wide nocase
        $short = "-ep bypass" wide nocase
    condition:
        $head at 0 and $host and any of ($encoded*, $hidden, $minimal, $web, $iex, $base64, $bypass, $short)
}

rule shortcuts_lnk_network_target : shortcuts
{
    meta:
        effect = "suspicious"
        title_en = "A shortcut or its icon points to a server."
        title_de = "Eine Verknüpfung oder ihr Symbol zeigt auf einen Server."
        reference = "MITRE ATT&CK T1187; MS-SHLLINK 2.3.2"
    strings:
        $head = { 4C 00 00 00 01 14 02 00 00 00 00 00 C0 00 00 00 00 00 00 46 }
        $unc = /\\\\[a-z0-9._-]{2,64}(@ssl|@[0-9]{2,5})?\\[a-z0-9$._-]{1,64}/ ascii wide nocase
        $web = /https?:\/\/[a-z0-9]/ ascii wide nocase
    condition:
        $head at 0 and any of ($unc, $web)
}

rule shortcuts_lnk_payload : shortcuts
{
    meta:
        effect = "malicious"
        title_en = "A shortcut has another file hidden inside it."
        title_de = "In einer Verknüpfung ist eine weitere Datei versteckt."
        reference = "MITRE ATT&CK T1027.012"
    strings:
        $head = { 4C 00 00 00 01 14 02 00 00 00 00 00 C0 00 00 00 00 00 00 46 }
        $pe = "This program cannot be run in DOS mode"
        $pdf = "%PDF-1."
        $zip = { 50 4B 03 04 ( 0A | 14 ) 00 }
        $cab = { 4D 53 43 46 00 00 00 00 }
        $ole = { D0 CF 11 E0 A1 B1 1A E1 }
        $hta = "<script" ascii wide nocase
        $b64 = "TVqQAAMAAAAEAAAA"
    condition:
        $head at 0 and any of ($pe, $pdf, $zip, $cab, $ole, $hta, $b64)
}

rule shortcuts_lnk_in_document : shortcuts
{
    meta:
        effect = "suspicious"
        title_en = "A document carries a Windows shortcut inside it."
        title_de = "Ein Dokument enthält eine Windows-Verknüpfung."
        reference = "MITRE ATT&CK T1204.002"
    strings:
        $head = { 4C 00 00 00 01 14 02 00 00 00 00 00 C0 00 00 00 00 00 00 46 }
        $hex = "4c0000000114020000000000c000000000000046" nocase
    condition:
        not format matches /^(zip|tar|gzip|bzip2|xz|zstd|7z|rar|cab|archive-other|iso|disk-image|java|apk|package|pe|elf|mach-o|msi)$/ and
        ($hex or for any i in (1..#head) : (@head[i] > 0))
}

rule shortcuts_url_remote : shortcuts
{
    meta:
        effect = "suspicious"
        title_en = "An internet shortcut opens a file from a server or fetches its icon there."
        title_de = "Eine Internetverknüpfung öffnet eine Datei auf einem Server oder lädt ihr Symbol von dort."
        reference = "CVE-2023-36025; CVE-2024-21412; MITRE ATT&CK T1187"
    strings:
        $section = "[InternetShortcut" ascii wide nocase
        $target = /\nURL[ \t]{0,8}=[ \t]{0,8}(file:|\\\\|\/\/|smb:|search-ms:|ms-[a-z]{2,24}:|javascript:|vbscript:|data:)/ nocase
        $code = /\nURL[ \t]{0,8}=[^\r\n]{4,400}\.(exe|scr|js|jse|vbs|vbe|wsf|hta|lnk|url|cpl|msi|bat|cmd|ps1|jar|iso|vhdx?)[\r\n]/ nocase
        $target_wide = /U\x00R\x00L\x00=\x00(f\x00i\x00l\x00e\x00:|\\\x00\\\x00)/
        $icon = /(IconFile|WorkingDirectory|BaseURL)[ \t]{0,8}=[ \t]{0,8}(\\\\|\/\/|file:\/\/[a-z0-9\\]|smb:)/ ascii wide nocase
    condition:
        filesize < 1MB and $section and any of ($target*, $code, $icon) and
        (extension == "url" or $section in (0..512))
}

rule shortcuts_scf_remote : shortcuts
{
    meta:
        effect = "malicious"
        title_en = "A shell command file fetches its icon from a server to capture the user's logon."
        title_de = "Eine Shell-Befehlsdatei lädt ihr Symbol von einem Server, um die Anmeldung des Benutzers abzugreifen."
        reference = "MITRE ATT&CK T1187"
    strings:
        $section = "[Shell]" ascii wide nocase
        $icon = /IconFile[ \t]{0,8}=[ \t]{0,8}(\\\\|\/\/|file:|https?:)/ ascii wide nocase
    condition:
        filesize < 256KB and $section in (0..512) and $icon
}

rule shortcuts_library_remote : shortcuts
{
    meta:
        effect = "suspicious"
        title_en = "A Windows library or search connector points to a server."
        title_de = "Eine Windows-Bibliothek oder Suchverbindung zeigt auf einen Server."
        reference = "CVE-2025-24054; MITRE ATT&CK T1187"
    strings:
        $library = "<libraryDescription" ascii wide nocase
        $connector = "<searchConnectorDescription" ascii wide nocase
        $where = /<(url|iconReference|domain|templateInfo)>[ \t\r\n]{0,16}(\\\\|\/\/|https?:|file:)/ ascii wide nocase
    condition:
        filesize < 1MB and any of ($library, $connector) and $where
}

rule shortcuts_desktop_entry_command : shortcuts
{
    meta:
        effect = "suspicious"
        title_en = "A Linux desktop entry runs a shell command or opens a server."
        title_de = "Ein Linux-Starter führt einen Shell-Befehl aus oder öffnet einen Server."
        reference = "MITRE ATT&CK T1204.002; freedesktop.org Desktop Entry Specification"
    strings:
        $section = "[Desktop Entry]"
        $exec = /\nExec[ \t]{0,8}=[^\r\n]{0,200}(\b(ba|da|z|k)?sh\b|\bpython[0-9.]{0,4}\b|\bperl\b|\bcurl\b|\bwget\b|\bnc\b|base64|\/tmp\/|\/dev\/|\$\()/
        $url = /\n(URL|Icon)(\[\$e\])?[ \t]{0,8}=[ \t]{0,8}(smb:|file:\/\/[a-z0-9]|\\\\|\/\/|\$\()/
        $substitute = /\n(Name|Icon|Exec|Path)\[\$e\][ \t]{0,8}=[^\r\n]{0,200}\$\(/
    condition:
        filesize < 1MB and $section and any of ($exec, $url, $substitute) and
        (extension matches /^(desktop|directory)$/ or $section in (0..512))
}

rule shortcuts_setting_content : shortcuts
{
    meta:
        effect = "malicious"
        title_en = "A Windows settings shortcut starts a program."
        title_de = "Eine Windows-Einstellungsverknüpfung startet ein Programm."
        reference = "CVE-2018-8414; MITRE ATT&CK T1204.002"
    strings:
        $schema = "SearchableContent" ascii wide nocase
        $settings = "<PCSettings" ascii wide nocase
        $link = /<DeepLink>[^<]{0,300}(\.exe|powershell|cmd|mshta|script)/ ascii wide nocase
    condition:
        filesize < 1MB and $settings and $schema and $link
}
