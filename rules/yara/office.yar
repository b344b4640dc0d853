// Active content of office documents. The lock rebuilds documents from pixels, so mere presence is "strip";
// only what no honest document contains is withheld. Parts of zipped documents arrive unpacked as buffers of their own.

rule office_vba_present : office
{
    meta:
        effect = "strip"
        title_en = "The document contains macros (VBA)."
        title_de = "Das Dokument enthält Makros (VBA)."
        reference = "MS-OVBA 2.2; MITRE ATT&CK T1137"
    strings:
        $storage = "_VBA_PROJECT" wide
        $source = "Attribut\x00e VB_Nam\x00e"
        $part = "vbaProject.bin"
        $signature = "application/vnd.ms-office.vbaProject"
        $xml = "macrosPresent=\"yes\""
    condition:
        (uint32(0) == 0xE011CFD0 and any of ($storage, $source)) or (uint32(0) == 0x04034B50 and $part) or
        any of ($signature, $xml)
}

rule office_vba_autostart : office
{
    meta:
        effect = "strip"
        title_en = "A macro starts by itself when the document is opened or closed."
        title_de = "Ein Makro startet von selbst, wenn das Dokument geöffnet oder geschlossen wird."
        reference = "MITRE ATT&CK T1204.002"
    strings:
        $ole = "_VBA_PROJECT" wide
        $start = /\b(Auto_?(Open|Close|Exec|Exit|New)|Document_?(Open|Close|New)|DocumentOpen|Workbook_?(Open|Activate|BeforeClose)|WorkbookOpen|Presentation_?Open|OnSlideShow|SlideShow_?NextSlide|InkPicture[0-9]_Painted)\b/ nocase
    condition:
        uint32(0) == 0xE011CFD0 and $ole and $start
}

rule office_vba_autostart_command : office
{
    meta:
        effect = "suspicious"
        title_en = "A macro starts by itself and can call other programs."
        title_de = "Ein Makro startet von selbst und kann andere Programme aufrufen."
        reference = "MITRE ATT&CK T1059.005, T1204.002"
    strings:
        $ole = "_VBA_PROJECT" wide
        $start = /\b(Auto_?(Open|Close|Exec|Exit|New)|Document_?(Open|Close|New)|DocumentOpen|Workbook_?(Open|Activate|BeforeClose)|WorkbookOpen|Presentation_?Open|OnSlideShow|SlideShow_?NextSlide|InkPicture[0-9]_Painted)\b/ nocase
        $wsh = "WScript.Shell" nocase
        $app = "Shell.Application" nocase
        $execute = "ShellExecute" nocase
        $wmi = "Win32_Process" nocase
        $powershell = "powershell" nocase
        $cmd = /\bcmd(\.exe)?[ ]{1,4}\/[ck]\b/ nocase
        $mshta = "mshta" nocase fullword
        $rundll = "rundll32" nocase fullword
        $regsvr = "regsvr32" nocase fullword
        $create = /\bCreateProcess[AW]?\b/ nocase
        $winexec = "WinExec" nocase fullword
    condition:
        uint32(0) == 0xE011CFD0 and $ole and $start and
        any of ($wsh, $app, $execute, $wmi, $powershell, $cmd, $mshta, $rundll, $regsvr, $create, $winexec)
}

rule office_vba_downloader : office
{
    meta:
        effect = "malicious"
        title_en = "A macro starts by itself and downloads a file."
        title_de = "Ein Makro startet von selbst und lädt eine Datei herunter."
        reference = "MITRE ATT&CK T1105, T1204.002"
    strings:
        $ole = "_VBA_PROJECT" wide
        $start = /\b(Auto_?(Open|Close|Exec|Exit|New)|Document_?(Open|Close|New)|DocumentOpen|Workbook_?(Open|Activate|BeforeClose)|WorkbookOpen|Presentation_?Open|OnSlideShow|SlideShow_?NextSlide|InkPicture[0-9]_Painted)\b/ nocase
        $url = /\bURLDownloadTo(Cache)?File[AW]?\b/ nocase
        $http1 = "MSXML2.XMLHTTP" nocase
        $http2 = "MSXML2.ServerXMLHTTP" nocase
        $http3 = "Microsoft.XMLHTTP" nocase
        $http4 = "WinHttp.WinHttpRequest" nocase
        $stream = "ADODB.Stream" nocase
        $save = "SaveToFile" nocase
        $open = "InternetOpenUrl" nocase
        $read = "InternetReadFile" nocase
    condition:
        uint32(0) == 0xE011CFD0 and $ole and $start and
        ($url or (any of ($http*) and any of ($stream, $save)) or ($open and $read))
}

rule office_vba_shellcode : office
{
    meta:
        effect = "malicious"
        title_en = "A macro writes machine code into memory and runs it."
        title_de = "Ein Makro schreibt Maschinencode in den Arbeitsspeicher und führt ihn aus."
        reference = "MITRE ATT&CK T1055, T1106"
    strings:
        $ole = "_VBA_PROJECT" wide
        $alloc = /\b(VirtualAlloc(Ex)?|HeapCreate|VirtualProtect(Ex)?|NtAllocateVirtualMemory)\b/
        $write = /\b(RtlMoveMemory|WriteProcessMemory|NtWriteVirtualMemory|RtlCopyMemory)\b/
        $run = /\b(CreateThread|CreateRemoteThread|QueueUserAPC|EnumSystemLocales[AW]?|EnumWindows|EnumDateFormats[AW]?|CallWindowProc[AW]?|SetTimer|CreateTimerQueueTimer|EnumResourceTypes[AW]?|GrayString[AW]?)\b/
    condition:
        uint32(0) == 0xE011CFD0 and $ole and all of ($alloc, $write, $run)
}

rule office_xlm_sheet : office
{
    meta:
        effect = "strip"
        title_en = "The workbook contains a sheet with Excel 4.0 macros."
        title_de = "Die Arbeitsmappe enthält ein Blatt mit Excel-4.0-Makros."
        reference = "MS-XLS 2.4.28; ECMA-376 Part 4 14.2; MITRE ATT&CK T1059"
    strings:
        $part = "xl/macrosheets/"
        $type = "application/vnd.ms-excel.macrosheet+xml"
        $type_intl = "application/vnd.ms-excel.intlmacrosheet+xml"
        $xml = "<xm:macrosheet"
        $title = /Excel 4\.0[ -](Macros|Makros|Macro's|Makroer|Makron)/
    condition:
        (uint32(0) == 0x04034B50 and $part) or any of ($type, $type_intl) or $xml in (0..1024) or
        (uint32(0) == 0xE011CFD0 and $title)
}

rule office_xlm_autostart : office
{
    meta:
        effect = "strip"
        title_en = "An Excel 4.0 macro starts by itself when the workbook is opened."
        title_de = "Ein Excel-4.0-Makro startet von selbst, wenn die Arbeitsmappe geöffnet wird."
        reference = "MS-XLS 2.4.150 (Lbl, built-in name Auto_Open)"
    strings:
        $name = { 18 00 ?? 00 (20 | 21) 00 00 01 ?? 00 00 00 ?? ?? 00 00 00 00 00 01 }
        $long = { 18 00 ?? 00 (00 | 01) 00 00 ?? ?? 00 00 00 ?? ?? 00 00 00 00 00 (41 | 61) (75 | 55) (74 | 54) (6F | 4F) 5F (4F | 6F) (70 | 50) }
        $xml = /<definedName[^>]{0,120}name="(_xlnm\.)?Auto_(Open|Close|Activate)/ nocase
    condition:
        (uint32(0) == 0xE011CFD0 and any of ($name, $long)) or $xml
}

rule office_xlm_command : office
{
    meta:
        effect = "suspicious"
        title_en = "An Excel 4.0 macro calls programs or functions of Windows."
        title_de = "Ein Excel-4.0-Makro ruft Programme oder Funktionen von Windows auf."
        reference = "MITRE ATT&CK T1059, T1106"
    strings:
        $sheet = "<xm:macrosheet"
        $call = /<(xm:)?f[^>]{0,60}>[^<]{0,200}\b(EXEC|CALL|REGISTER|FOPEN|FORMULA\.FILL)\(/ nocase
        $title = /Excel 4\.0[ -](Macros|Makros|Macro's|Makroer|Makron)/
        $name = { 18 00 ?? 00 (20 | 21) 00 00 01 ?? 00 00 00 ?? ?? 00 00 00 00 00 01 }
        $api = /(URLDownloadToFile[AW]|ShellExecute[AW]|CreateProcess[AW]|VirtualAlloc|DllRegisterServer)/
        $host = /(rundll32|regsvr32|mshta|powershell|wscript|certutil)(\.exe)?[ ]/ nocase
    condition:
        ($sheet in (0..1024) and $call) or
        (uint32(0) == 0xE011CFD0 and any of ($title, $name) and any of ($api, $host) and
        format != "doc" and format != "ppt" and format != "msg" and format != "msi")
}

rule office_dde_field : office
{
    meta:
        effect = "strip"
        title_en = "The document takes content from another program (DDE)."
        title_de = "Das Dokument übernimmt Inhalte aus einem anderen Programm (DDE)."
        reference = "ECMA-376 Part 1 17.16.5, 18.14.4; MITRE ATT&CK T1559.002"
    strings:
        $field = /instrText[^>]{0,40}>[ ]{0,8}DDE(AUTO)?[ <&]/
        $simple = /w:instr="[ ]{0,8}DDE(AUTO)?[ &]/
        $link = /<ddeLink[ >][^>]{0,200}ddeService/
        $rtf = /\\\*?\\?fldinst[^}]{0,60}DDE(AUTO)?[ \\]/
        $binary = { 13 ( 20 | 0D | 09 ) 44 44 45 ( 41 55 54 4F | 20 ) }
        $binary_tight = { 13 44 44 45 41 55 54 4F 20 }
        $odf = "office:dde-source"
    condition:
        any of ($field, $simple, $link, $odf) or (uint32(0) == 0x74725C7B and $rtf) or
        (uint32(0) == 0xE011CFD0 and any of ($binary*))
}

rule office_dde_command : office
{
    meta:
        effect = "malicious"
        title_en = "The document starts a command interpreter through a field or cell (DDE)."
        title_de = "Das Dokument startet über ein Feld oder eine Zelle einen Befehlsinterpreter (DDE)."
        reference = "MITRE ATT&CK T1559.002"
    strings:
        $field = /\bDDE(AUTO)?[ "\\]{1,8}[^\x00]{0,200}(\\|\/|"|&quot;|[ ])(cmd|powershell|mshta|rundll32|regsvr32|wscript|certutil|msbuild)(\.exe)?[ "&\\<]/ nocase
        $field_wide = /D\x00D\x00E\x00(A\x00U\x00T\x00O\x00)?[ "]\x00([\x20-\x7e]\x00){0,200}(c\x00m\x00d\x00|p\x00o\x00w\x00e\x00r\x00s\x00h\x00|m\x00s\x00h\x00t\x00a\x00)/
        $link = /ddeService="(cmd|powershell|mshta|rundll32|regsvr32|wscript|certutil|MSEXCEL\\)[^"]{0,80}"/ nocase
        $odf = /office:dde-application="(cmd|powershell|mshta|rundll32|regsvr32|soffice)"?[^>]{0,200}(\/c|\/k|exe)/ nocase
    condition:
        any of ($link, $odf) or
        (($field or $field_wide) and (uint32(0) == 0x74725C7B or uint32(0) == 0xE011CFD0 or uint16(0) == 0x3F3C or uint32(0) == 0x3CBFBBEF or
        format matches /^(docx|docm|dotx|dotm|doc|rtf)$/))
}

rule office_csv_formula_command : office
{
    meta:
        effect = "malicious"
        title_en = "A cell of a table starts a command when it is opened in Excel."
        title_de = "Eine Tabellenzelle startet beim Öffnen in Excel einen Befehl."
        reference = "CWE-1236; MITRE ATT&CK T1559.002"
    strings:
        $cell = /[=+\-@(][ \t]{0,4}["']?(cmd|powershell|mshta|rundll32|regsvr32|certutil|wscript|cscript|msexcel)(\.exe)?["']?\|[ ]{0,2}['"]?[ \/\\.\-a-z]/ ascii wide nocase
    condition:
        filesize < 64MB and $cell and format != "eml" and format != "pdf" and not format startswith "script"
}

rule office_remote_template : office
{
    meta:
        effect = "strip"
        title_en = "The document loads its template from a server."
        title_de = "Das Dokument lädt seine Vorlage von einem Server."
        reference = "MITRE ATT&CK T1221; ECMA-376 Part 1 17.15.1.6"
    strings:
        $after = /relationships\/attachedTemplate"[^>]{0,40}Target="(https?:|ftp:|file:\/\/\/?\\\\|file:\/\/[a-z0-9]|\\\\)/ nocase
        $before = /Target="(https?:|ftp:|file:\/\/\/?\\\\|file:\/\/[a-z0-9]|\\\\)[^">]{1,400}"[^>]{0,60}Type="[^">]{1,100}\/attachedTemplate"/ nocase
    condition:
        any of them
}

rule office_rtf_remote_template : office
{
    meta:
        effect = "suspicious"
        title_en = "An RTF document loads its template from a server."
        title_de = "Ein RTF-Dokument lädt seine Vorlage von einem Server."
        reference = "MITRE ATT&CK T1221"
    strings:
        $template = /\\\*[ \r\n]{0,4}\\template[ \r\n]{0,4}(https?:|ftp:|\\\\\\\\|\\u-?[0-9]{2,6})/ nocase
    condition:
        uint32(0) == 0x74725C7B and $template
}

rule office_external_object : office
{
    meta:
        effect = "malicious"
        title_en = "The document embeds a web page as an object in order to run it."
        title_de = "Das Dokument bettet eine Webseite als Objekt ein, um sie auszuführen."
        reference = "CVE-2021-40444; CVE-2022-30190; MITRE ATT&CK T1221"
    strings:
        $after = /relationships\/(oleObject|frame|attachedTemplate)"[^>]{0,40}Target="(mhtml:|ms-msdt:|script:|(https?:\/\/[^">]{3,300}(!"|\.html?!|\.html?")))/ nocase
        $before = /Target="(mhtml:|ms-msdt:|script:|https?:\/\/[^">]{3,300}!")[^>]{0,400}relationships\/oleObject"/ nocase
    condition:
        any of them
}

rule office_external_content : office
{
    meta:
        effect = "strip"
        title_en = "The document includes content from outside (picture, object, frame or workbook)."
        title_de = "Das Dokument bindet Inhalte von außen ein (Bild, Objekt, Rahmen oder Arbeitsmappe)."
        reference = "ECMA-376 Part 2 9.3 (TargetMode External); MITRE ATT&CK T1221"
    strings:
        $after = /relationships\/(oleObject|frame|image|subDocument|externalLinkPath|aFChunk|audio|video|media|attachedTemplate|package|control)"[^>]{0,500}TargetMode[ ]?=[ ]?"External"/
        $before = /TargetMode[ ]?=[ ]?"External"[^>]{0,500}relationships\/(oleObject|frame|image|subDocument|externalLinkPath|aFChunk|audio|video|media|attachedTemplate|package|control)"/
    condition:
        any of them
}

rule office_msdt_handler : office
{
    meta:
        effect = "malicious"
        title_en = "A page or document abuses the Windows support tool to run commands."
        title_de = "Eine Seite oder ein Dokument missbraucht das Windows-Supportwerkzeug, um Befehle auszuführen."
        reference = "CVE-2022-30190"
    strings:
        $scheme = "ms-msdt:" ascii wide nocase
        $browse = "IT_BrowseForFile" ascii wide nocase
        $rebrowse = "IT_RebrowseForFile" ascii wide nocase
        $expression = /\/\.\.\/\.\.\/[^"'\r\n]{0,200}\$\(/ nocase
    condition:
        $scheme and any of ($browse, $rebrowse, $expression)
}

rule office_ole_object : office
{
    meta:
        effect = "strip"
        title_en = "The document contains an embedded object (OLE)."
        title_de = "Das Dokument enthält ein eingebettetes Objekt (OLE)."
        reference = "MS-OLEDS 2.3.6; ECMA-376 Part 1 15.2.10; MITRE ATT&CK T1027.009"
    strings:
        $zip1 = "word/embeddings/"
        $zip2 = "xl/embeddings/"
        $zip3 = "ppt/embeddings/"
        $native = "\x01Ole10Native" wide
        // an ObjectPool storage stands empty in most old Word files: only its members count
        $info = "\x03ObjInfo" wide
        $book = { 4D 00 42 00 44 00 ( 30 | 31 ) 00 ( 30 | 31 | 32 | 33 | 34 | 35 | 36 | 37 | 38 | 39 ) 00 }
        $rtf = "\\objdata"
    condition:
        (uint32(0) == 0x04034B50 and any of ($zip*)) or
        (uint32(0) == 0xE011CFD0 and any of ($native, $info, $book)) or
        (uint32(0) == 0x74725C7B and $rtf)
}

rule office_ole_package_program : office
{
    meta:
        effect = "suspicious"
        title_en = "The document carries a program or script in an embedded package."
        title_de = "Das Dokument enthält in einem eingebetteten Paket ein Programm oder Skript."
        reference = "MITRE ATT&CK T1204.002, T1027.009"
    strings:
        $native = "\x01Ole10Native" wide
        $name = /\.(exe|scr|com|bat|cmd|ps1|vbs|vbe|jse|js|wsf|wsh|hta|lnk|pif|cpl|msi|jar|reg|dll|chm|iso|settingcontent-ms)\x00/ nocase
    condition:
        // the name stands there at least twice: as label and as path
        uint32(0) == 0xE011CFD0 and $native and format != "msi" and
        for any i in (1..#name) : (#name in (@name[i] + 1 .. @name[i] + 600) > 0)
}

rule office_embedded_program : office
{
    meta:
        effect = "suspicious"
        title_en = "A document in the old Office format carries a Windows program."
        title_de = "Ein Dokument im alten Office-Format enthält ein Windows-Programm."
        reference = "MITRE ATT&CK T1027.009"
    strings:
        $stub = "This program cannot be run in DOS mode"
        $stub_borland = "This program must be run under Win32"
        $macro = "_VBA_PROJECT" wide
        $word = "WordDocument" wide
        $book = "Workbook" wide
        $slides = "PowerPoint Document" wide
        $native = "\x01Ole10Native" wide
    condition:
        uint32(0) == 0xE011CFD0 and any of ($stub*) and any of ($macro, $word, $book, $slides, $native)
}

rule office_activex : office
{
    meta:
        effect = "strip"
        title_en = "The document contains ActiveX controls."
        title_de = "Das Dokument enthält ActiveX-Steuerelemente."
        reference = "ECMA-376 Part 1 15.2.9; MITRE ATT&CK T1559.001"
    strings:
        $part = /(word|xl|ppt)\/activeX\/activeX[0-9]{1,4}\.(bin|xml)/
        $xml = "<ax:ocx"
    condition:
        (uint32(0) == 0x04034B50 and $part) or $xml in (0..1024)
}

rule office_equation_object : office
{
    meta:
        effect = "strip"
        title_en = "The document contains an object of the old, insecure equation editor."
        title_de = "Das Dokument enthält ein Objekt des alten, unsicheren Formel-Editors."
        reference = "CVE-2017-11882; CVE-2018-0802"
    strings:
        $clsid = { 02 CE 02 00 00 00 00 00 C0 00 00 00 00 00 00 46 }
        $hex = "02ce020000000000c000000000000046" nocase
        $stream = "Equation Native" wide
    condition:
        (uint32(0) == 0xE011CFD0 and any of ($clsid, $stream)) or (uint32(0) == 0x74725C7B and $hex)
}

rule office_equation_exploit : office
{
    meta:
        effect = "malicious"
        title_en = "An equation object carries commands instead of a formula."
        title_de = "Ein Formel-Objekt enthält Befehle statt einer Formel."
        reference = "CVE-2017-11882; CVE-2018-0802; MITRE ATT&CK T1203"
    strings:
        $stream = "Equation Native" wide
        // MTEF header, then a font record (tag 8) whose name is a command
        $font = { 1C 00 00 00 02 00 [2] [0-64] 03 01 01 03 ?? 0A 0A 01 08 ?? ?? }
        $command = /(cmd(\.exe)?[ ]{1,4}\/c|mshta(\.exe)?[ ]{1,4}(https?|\\\\)|powershell[ ]|rundll32[ ]|regsvr32[ ])/ nocase
        $rtf_clsid = "02ce020000000000c000000000000046" nocase
        $rtf_update = "\\objupdate"
        $rtf_font = /1c000000020[0-9a-f]{16,80}0301010[0-9a-f]0a0a0108/ nocase
    condition:
        (uint32(0) == 0xE011CFD0 and $stream and ($font or $command) and $command) or
        (uint32(0) == 0x74725C7B and ($rtf_font or ($rtf_clsid and $rtf_update)))
}

rule office_rtf_object_update : office
{
    meta:
        effect = "suspicious"
        title_en = "An RTF document activates an embedded object without asking."
        title_de = "Ein RTF-Dokument aktiviert ein eingebettetes Objekt ohne Rückfrage."
        reference = "RTF 1.9.1 (objupdate); CVE-2017-0199"
    strings:
        $update = "\\objupdate"
        $object = "\\objdata"
        $auto = "\\objautlink"
        $html = "\\objhtml"
    condition:
        uint32(0) == 0x74725C7B and $update and any of ($object, $auto, $html)
}

rule office_rtf_package_program : office
{
    meta:
        effect = "suspicious"
        title_en = "An RTF document carries a program or script in an embedded package."
        title_de = "Ein RTF-Dokument enthält in einem eingebetteten Paket ein Programm oder Skript."
        reference = "MITRE ATT&CK T1204.002, T1027.009"
    strings:
        $object = "\\objdata"
        $package = "5061636b61676500" nocase
        $name = /2e(657865|736372|636f6d|626174|636d64|707331|766273|766265|6a7365|6a73|777366|687461|6c6e6b|706966|63706c|6d7369|6a6172|736374)00/ nocase
        $pe = "4d5a90000300000004000000" nocase
    condition:
        uint32(0) == 0x74725C7B and $object and (($package and $name) or $pe)
}

rule office_rtf_damaged_header : office
{
    meta:
        effect = "suspicious"
        title_en = "An RTF document has a damaged header, a trick to slip past scanners."
        title_de = "Ein RTF-Dokument hat einen beschädigten Kopf, ein Trick zum Umgehen von Virenscannern."
        reference = "RTF 1.9.1 (header); MITRE ATT&CK T1027"
    strings:
        $object = "\\objdata"
        $object_class = "\\objclass"
        $bin = /\\bin[0-9]{1,9}[^0-9]/
    condition:
        uint32(0) == 0x74725C7B and uint8(4) != 0x66 and any of ($object, $object_class, $bin)
}

rule office_odf_macro : office
{
    meta:
        effect = "strip"
        title_en = "The OpenDocument file contains macros or event handlers."
        title_de = "Die OpenDocument-Datei enthält Makros oder Ereignisbehandlungen."
        reference = "ODF 1.3 Part 3 4.6, 14.4; MITRE ATT&CK T1137"
    strings:
        $mime = "application/vnd.oasis.opendocument."
        $basic = "Basic/Standard/"
        $scripts = "Scripts/"
        $listener = "<script:event-listener"
        $uri = "vnd.sun.star.script:"
    condition:
        (uint32(0) == 0x04034B50 and $mime in (30..256) and any of ($basic, $scripts)) or ($listener and $uri)
}

rule office_odf_path_traversal : office
{
    meta:
        effect = "malicious"
        title_en = "The OpenDocument file calls a script outside itself."
        title_de = "Die OpenDocument-Datei ruft ein Skript außerhalb des Dokuments auf."
        reference = "CVE-2018-16858; CVE-2019-9848"
    strings:
        $listener = "<script:event-listener"
        $outside = /vnd\.sun\.star\.script:[^"<> ]{0,100}(\.\.\/|\.\.%2f|LibreLogo)[^"<>]{0,300}/ nocase
    condition:
        $listener and $outside
}

rule office_query_file : office
{
    meta:
        effect = "suspicious"
        title_en = "An Excel query file fetches a sheet from the web."
        title_de = "Eine Excel-Abfragedatei lädt ein Tabellenblatt aus dem Netz."
        reference = "MITRE ATT&CK T1221"
    strings:
        $iqy = /WEB\r?\n1\r?\n(https?:|\\\\|file:|\["?)/ nocase
    condition:
        filesize < 64KB and $iqy in (0..8)
}

rule office_sylk_macro : office
{
    meta:
        effect = "suspicious"
        title_en = "A SYLK table contains an Excel 4.0 macro."
        title_de = "Eine SYLK-Tabelle enthält ein Excel-4.0-Makro."
        reference = "MITRE ATT&CK T1059; MITRE ATT&CK T1559.002"
    strings:
        $auto = /\nNN;N[^\r\n;]{0,40}Auto_(Open|Close)/ nocase
        $macro = /\nC;[^\r\n]{0,80};E[^\r\n]{0,200}\b(EXEC|CALL|REGISTER|RUN|FORMULA)\(/ nocase
        $dde = /\nC;[^\r\n]{0,80};E[^\r\n]{0,80}(cmd|powershell|mshta|rundll32|MSEXCEL)\|/ nocase
    condition:
        uint16(0) == 0x4449 and uint8(2) == 0x3B and any of ($auto, $macro, $dde)
}

rule office_onenote_program : office
{
    meta:
        effect = "suspicious"
        title_en = "A OneNote section carries a program or script."
        title_de = "Ein OneNote-Abschnitt enthält ein Programm oder Skript."
        reference = "MS-ONESTORE 2.6.13; MITRE ATT&CK T1204.002"
    strings:
        $head = { E4 52 5C 7B 8C D8 A7 4D AE B1 53 78 D0 29 96 D3 }
        $file = { E7 16 E3 BD 65 26 11 45 A4 C4 8D 4D 0B 7A 9E AC }
        $pe = "This program cannot be run in DOS mode"
        $script = "<script" nocase
        $hta = "<hta:application" nocase
        $batch = "@echo off" nocase
        $vbs = "CreateObject(" nocase
        $powershell = "powershell" nocase
        $lnk = { 4C 00 00 00 01 14 02 00 00 00 00 00 C0 00 00 00 00 00 00 46 }
    condition:
        $head at 0 and $file and any of ($pe, $script, $hta, $batch, $vbs, $powershell, $lnk)
}

rule office_excel_add_in : office
{
    meta:
        effect = "suspicious"
        title_en = "A program library is an Excel add-in that starts with Excel."
        title_de = "Eine Programmbibliothek ist ein Excel-Add-In, das mit Excel startet."
        reference = "MITRE ATT&CK T1137.006"
    strings:
        $open = "xlAutoOpen" fullword
    condition:
        uint16(0) == 0x5A4D and $open
}
