// Files that are two things at once: what the scanner sees and what the computer runs are not the same.

rule polyglot_pdf_zip : polyglots
{
    meta:
        effect = "suspicious"
        title_en = "The file is a PDF and a ZIP archive at once."
        title_de = "Die Datei ist zugleich PDF und ZIP-Archiv."
        reference = "PKWARE APPNOTE 4.3.16; MITRE ATT&CK T1036.008"
    strings:
        $pdf = "%PDF-"
        $end = { 50 4B 05 06 00 00 00 00 }
    condition:
        uint32(0) != 0x04034B50 and $pdf in (0..1024) and
        for any i in (1..#end) : (@end[i] + 22 + uint16(@end[i] + 20) == filesize and uint16(@end[i] + 10) > 0)
}

rule polyglot_image_archive : polyglots
{
    meta:
        effect = "suspicious"
        title_en = "An archive is appended to a picture."
        title_de = "An ein Bild ist ein Archiv angehängt."
        reference = "MITRE ATT&CK T1027.003, T1036.008"
    strings:
        $end = { 50 4B 05 06 00 00 00 00 }
        $after_jpeg = { FF D9 ( 52 61 72 21 1A 07 | 37 7A BC AF 27 1C | 50 4B 03 04 ) }
        $after_png = { 49 45 4E 44 AE 42 60 82 ( 52 61 72 21 1A 07 | 37 7A BC AF 27 1C | 50 4B 03 04 ) }
        $after_gif = { 00 3B ( 52 61 72 21 1A 07 | 37 7A BC AF 27 1C | 50 4B 03 04 ) }
    condition:
        (uint32(0) == 0x474E5089 or uint32(0) == 0x38464947 or uint16(0) == 0xD8FF or uint16(0) == 0x4D42) and
        (any of ($after*) or
        for any i in (1..#end) : (@end[i] + 22 + uint16(@end[i] + 20) == filesize and uint16(@end[i] + 10) > 0))
}

rule polyglot_gif_script : polyglots
{
    meta:
        effect = "malicious"
        title_en = "A GIF picture is a JavaScript program at the same time."
        title_de = "Ein GIF-Bild ist zugleich ein JavaScript-Programm."
        reference = "MITRE ATT&CK T1036.008, T1059.007"
    strings:
        $head = /GIF8[79]a(\/\*|[ ]?=)/
        $code = /(\*\/[ ]{0,4}=|eval\(|alert\(|document\.|window\.|function[ (]|ActiveXObject|fetch\()/
    condition:
        $head at 0 and $code
}

rule polyglot_image_html : polyglots
{
    meta:
        effect = "suspicious"
        title_en = "A picture contains a web page with script."
        title_de = "Ein Bild enthält eine Webseite mit Skript."
        reference = "MITRE ATT&CK T1036.008, T1218.005"
    strings:
        $hta = "<hta:application" nocase
        $open = /<script[ >\r\n]/ nocase
        $close = "</script" nocase
    condition:
        (uint32(0) == 0x474E5089 or uint32(0) == 0x38464947 or (uint16(0) == 0xD8FF and uint8(2) == 0xFF) or
        (uint16(0) == 0x4D42 and (format == "bmp" or extension == "bmp")) or (uint32(0) == 0x46464952 and uint32(8) == 0x50424557)) and
        ($hta or ($open and $close))
}

rule polyglot_image_php : polyglots
{
    meta:
        effect = "malicious"
        title_en = "A picture contains a PHP program."
        title_de = "Ein Bild enthält ein PHP-Programm."
        reference = "MITRE ATT&CK T1505.003, T1036.008"
    strings:
        $php = "<?php" nocase
        $short = /<\?=[ ]{0,4}[`$@a-z]/ nocase
        $call = /\b(eval|assert|system|exec|shell_exec|passthru|include|require|base64_decode|phpinfo)[ ]{0,4}\(|__halt_compiler|\$_(GET|POST|REQUEST|COOKIE)/ nocase
    condition:
        (uint32(0) == 0x474E5089 or uint32(0) == 0x38464947 or (uint16(0) == 0xD8FF and uint8(2) == 0xFF) or
        (uint16(0) == 0x4D42 and (format == "bmp" or extension == "bmp")) or (uint32(0) == 0x46464952 and uint32(8) == 0x50424557)) and
        ($php or $short) and $call
}

rule polyglot_image_program : polyglots
{
    meta:
        effect = "malicious"
        title_en = "A picture contains a Windows or Linux program."
        title_de = "Ein Bild enthält ein Windows- oder Linux-Programm."
        reference = "MITRE ATT&CK T1027.003, T1027.009"
    strings:
        $pe = { 50 45 00 00 ( 4C 01 | 64 86 | 64 AA ) ?? 00 }
        $stub = "This program cannot be run in DOS mode"
        $elf = { 7F 45 4C 46 ( 01 | 02 ) ( 01 | 02 ) 01 ?? 00 00 00 00 }
    condition:
        (uint32(0) == 0x474E5089 or uint32(0) == 0x38464947 or (uint16(0) == 0xD8FF and uint8(2) == 0xFF) or
        (uint16(0) == 0x4D42 and (format == "bmp" or extension == "bmp")) or (uint32(0) == 0x46464952 and uint32(8) == 0x50424557)) and
        ($stub or $elf or for any i in (1..#pe) : (uint16(@pe[i] + 20) == 0xE0 or uint16(@pe[i] + 20) == 0xF0))
}

rule polyglot_pdf_program : polyglots
{
    meta:
        effect = "malicious"
        title_en = "A PDF and a program share one file."
        title_de = "Eine PDF-Datei und ein Programm teilen sich eine Datei."
        reference = "MITRE ATT&CK T1036.008, T1027.009"
    strings:
        $pdf = "%PDF-"
        $pe = { 50 45 00 00 ( 4C 01 | 64 86 | 64 AA ) ?? 00 }
        $stub = "This program cannot be run in DOS mode"
    condition:
        $pdf in (0..1024) and
        (uint16(0) == 0x5A4D or uint32(0) == 0x464C457F or
        ($stub and for any i in (1..#pe) : (uint16(@pe[i] + 20) == 0xE0 or uint16(@pe[i] + 20) == 0xF0)))
}

rule polyglot_pdf_html : polyglots
{
    meta:
        effect = "suspicious"
        title_en = "The file is a web page and a PDF at once."
        title_de = "Die Datei ist zugleich Webseite und PDF."
        reference = "MITRE ATT&CK T1036.008, T1218.005"
    strings:
        $pdf = "%PDF-"
        $page = /<(html|!doctype html|head|body|script|hta:application|job|scriptlet)[ >\r\n]/ nocase
        $script = "<script" nocase
        $close = "</script" nocase
    condition:
        $pdf in (0..1024) and $script and $close and
        ($page in (0..1024) or extension matches /^(html?|hta|mht|xhtml|wsf|sct|js)$/)
}

rule polyglot_pdf_mime : polyglots
{
    meta:
        effect = "malicious"
        title_en = "A Word document with macros is hidden in a PDF."
        title_de = "In einer PDF-Datei ist ein Word-Dokument mit Makros versteckt."
        reference = "MITRE ATT&CK T1036.008, T1027.009"
    strings:
        $pdf = "%PDF-"
        $mime = "MIME-Version:" nocase
        $part = "Content-Location:" nocase
        $word1 = "<w:WordDocument" nocase
        $word2 = "application/x-mso" nocase
        $word3 = "editdata.mso" nocase
        $word4 = "QWN0aXZlTWltZQ"
    condition:
        $pdf in (0..1024) and $mime and $part and any of ($word*)
}

rule polyglot_iso_program : polyglots
{
    meta:
        effect = "suspicious"
        title_en = "The file is a disc image and a program at once."
        title_de = "Die Datei ist zugleich Datenträgerabbild und Programm."
        reference = "ECMA-119 6.2.1; MITRE ATT&CK T1036.008"
    strings:
        $volume = "CD001"
    condition:
        (uint16(0) == 0x5A4D or uint32(0) == 0x464C457F) and
        ($volume at 0x8001 or $volume at 0x8801 or $volume at 0x9001)
}

rule polyglot_dicom_program : polyglots
{
    meta:
        effect = "malicious"
        title_en = "A medical image is a program at the same time."
        title_de = "Ein medizinisches Bild ist zugleich ein Programm."
        reference = "CVE-2019-11687; DICOM PS3.10 7.1"
    strings:
        $dicom = "DICM"
    condition:
        $dicom at 128 and (uint16(0) == 0x5A4D or uint32(0) == 0x464C457F or uint16(0) == 0x2123)
}

rule polyglot_ole_archive : polyglots
{
    meta:
        effect = "suspicious"
        title_en = "An installer or old Office file is a ZIP or Java archive at the same time."
        title_de = "Ein Installationspaket oder altes Office-Dokument ist zugleich ein ZIP- oder Java-Archiv."
        reference = "CVE-2020-1464; MITRE ATT&CK T1036.008"
    strings:
        $end = { 50 4B 05 06 00 00 00 00 }
    condition:
        uint32(0) == 0xE011CFD0 and
        for any i in (1..#end) : (@end[i] + 22 + uint16(@end[i] + 20) == filesize and uint16(@end[i] + 10) > 0)
}

rule polyglot_rtf_archive : polyglots
{
    meta:
        effect = "suspicious"
        title_en = "A text or RTF document is a ZIP archive at the same time."
        title_de = "Ein Text- oder RTF-Dokument ist zugleich ein ZIP-Archiv."
        reference = "MITRE ATT&CK T1036.008"
    strings:
        $end = { 50 4B 05 06 00 00 00 00 }
    condition:
        (uint32(0) == 0x74725C7B or extension matches /^(txt|csv|md|rtf|html?|xml|json|log)$/) and uint16(0) != 0x4B50 and
        for any i in (1..#end) : (@end[i] + 22 + uint16(@end[i] + 20) == filesize and uint16(@end[i] + 10) > 0)
}
