// Active content of PDF files, as far as it stands in the open (compressed streams are the parser's business).
// A released PDF is rebuilt from pixels: presence is "strip", only attacks are withheld.

rule pdf_javascript : pdf
{
    meta:
        effect = "strip"
        title_en = "The PDF contains JavaScript."
        title_de = "Die PDF-Datei enthält JavaScript."
        reference = "ISO 32000-2 12.6.4.17; MITRE ATT&CK T1059.007"
    strings:
        $head = "%PDF-"
        $action = /\/JavaScript[\s\/\[<>(]/
    condition:
        $head in (0..1024) and $action
}

rule pdf_open_action_javascript : pdf
{
    meta:
        effect = "strip"
        title_en = "The PDF runs JavaScript as soon as it is opened."
        title_de = "Die PDF-Datei führt JavaScript aus, sobald sie geöffnet wird."
        reference = "ISO 32000-2 7.7.2 (OpenAction), 12.6.3 (AA)"
    strings:
        $head = "%PDF-"
        $open = "/OpenAction"
        $additional = /\/AA[\s]{0,4}(<<|[0-9])/
        $script = /\/S\s{0,4}\/JavaScript[\s\/\[<>(]/
    condition:
        $head in (0..1024) and $script and any of ($open, $additional)
}

rule pdf_javascript_exploit : pdf
{
    meta:
        effect = "malicious"
        title_en = "JavaScript in the PDF looks like an attack on the reader program."
        title_de = "JavaScript in der PDF-Datei sieht nach einem Angriff auf das Leseprogramm aus."
        reference = "CVE-2007-5659; CVE-2008-2992; CVE-2009-0927; CVE-2009-4324; MITRE ATT&CK T1203"
    strings:
        $head = "%PDF-"
        $call1 = "Collab.collectEmailInfo" nocase
        $call2 = "Collab.getIcon" nocase
        $call3 = "media.newPlayer" nocase
        $call4 = /util\.printf\([ ]{0,4}["']%[0-9]{5}/
        $call5 = "spell.customDictionaryOpen"
        $spray = /unescape\([ ]{0,4}["'](%u[0-9a-f]{4}){4}/ nocase
        $spray2 = /\("?(%u(9090|0c0c|0a0a|4141)){2}/ nocase
    condition:
        $head in (0..1024) and (any of ($spray*) or 2 of ($call*) or $call4)
}

rule pdf_export_and_launch : pdf
{
    meta:
        effect = "malicious"
        title_en = "JavaScript in the PDF saves an attached file and starts it."
        title_de = "JavaScript in der PDF-Datei speichert einen Anhang und startet ihn."
        reference = "MITRE ATT&CK T1204.002"
    strings:
        $head = "%PDF-"
        $export = "exportDataObject"
        $launch = /nLaunch[ "'\\]{0,4}:[ ]{0,4}[12]/
    condition:
        $head in (0..1024) and $export and $launch
}

rule pdf_launch_action : pdf
{
    meta:
        effect = "strip"
        title_en = "The PDF wants to start another program or open a file."
        title_de = "Die PDF-Datei will ein anderes Programm starten oder eine Datei öffnen."
        reference = "ISO 32000-2 12.6.4.6"
    strings:
        $head = "%PDF-"
        $launch = /\/S\s{0,4}\/Launch[\s\/<>]/
    condition:
        $head in (0..1024) and $launch
}

rule pdf_launch_command : pdf
{
    meta:
        effect = "malicious"
        title_en = "The PDF starts a command interpreter."
        title_de = "Die PDF-Datei startet einen Befehlsinterpreter."
        reference = "CVE-2010-1240; MITRE ATT&CK T1204.002"
    strings:
        $head = "%PDF-"
        $launch = /\/S\s{0,4}\/Launch[\s\/<>]/
        $target = /\/(F|P|Win)\s{0,4}(<<[^>]{0,80})?\([^)]{0,200}(cmd|powershell|mshta|rundll32|wscript|cscript|regsvr32|\/bin\/(ba)?sh|osascript)/ nocase
    condition:
        $head in (0..1024) and $launch and $target
}

rule pdf_embedded_file : pdf
{
    meta:
        effect = "strip"
        title_en = "The PDF has attached files."
        title_de = "Die PDF-Datei hat Dateianhänge."
        reference = "ISO 32000-2 7.11.4"
    strings:
        $head = "%PDF-"
        $file = /\/EmbeddedFiles?[\s\/\[<>]/
    condition:
        $head in (0..1024) and $file
}

rule pdf_embedded_program : pdf
{
    meta:
        effect = "suspicious"
        title_en = "The PDF has a program or script attached."
        title_de = "Die PDF-Datei hat ein Programm oder Skript im Anhang."
        reference = "ISO 32000-2 7.11.3; MITRE ATT&CK T1204.002"
    strings:
        $head = "%PDF-"
        $file = /\/EmbeddedFiles?[\s\/\[<>]/
        $name = /\/U?F\s{0,4}\((\xfe\xff)?[^)\r\n]{1,200}\.(exe|scr|com|bat|cmd|ps1|vbs|vbe|jse|js|wsf|hta|lnk|pif|cpl|msi|jar|settingcontent-ms|iso|vhdx?|docm|xlsm|pptm)\)/ nocase
    condition:
        $head in (0..1024) and $file and $name
}

rule pdf_rich_media : pdf
{
    meta:
        effect = "strip"
        title_en = "The PDF contains film, sound, 3D or Flash content."
        title_de = "Die PDF-Datei enthält Film-, Ton-, 3D- oder Flash-Inhalte."
        reference = "ISO 32000-2 13.2, 13.6, 13.7"
    strings:
        $head = "%PDF-"
        $media = /\/Subtype\s{0,4}\/(RichMedia|Movie|Sound|Screen|3D)[\s\/<>]/
        $rendition = /\/S\s{0,4}\/(Rendition|RichMediaExecute|GoTo3DView)[\s\/<>]/
    condition:
        $head in (0..1024) and any of ($media, $rendition)
}

rule pdf_xfa_form : pdf
{
    meta:
        effect = "strip"
        title_en = "The PDF contains a dynamic form (XFA)."
        title_de = "Die PDF-Datei enthält ein dynamisches Formular (XFA)."
        reference = "ISO 32000-1 12.7.8"
    strings:
        $head = "%PDF-"
        $xfa = /\/XFA\s{0,4}(\[|[0-9]{1,8}\s[0-9])/
    condition:
        $head in (0..1024) and $xfa
}

rule pdf_submit_form : pdf
{
    meta:
        effect = "strip"
        title_en = "The PDF can send form entries away or load them from a file."
        title_de = "Die PDF-Datei kann Formulareingaben versenden oder aus einer Datei laden."
        reference = "ISO 32000-2 12.7.6"
    strings:
        $head = "%PDF-"
        $submit = /\/S\s{0,4}\/(SubmitForm|ImportData)[\s\/<>]/
    condition:
        $head in (0..1024) and $submit
}

rule pdf_header_displaced : pdf
{
    meta:
        effect = "note"
        title_en = "Other content stands before the PDF header."
        title_de = "Vor dem PDF-Kopf steht anderer Inhalt."
        reference = "ISO 32000-2 7.5.2"
    strings:
        $head = "%PDF-"
    condition:
        $head in (1..1024) and not $head at 0 and
        uint32(0) != 0x04034B50 and uint32(0) != 0xE011CFD0 and
        not format matches /^(zip|tar|gzip|eml|msg|mht|html|txt)$/
}

rule pdf_escaped_keyword : pdf
{
    meta:
        effect = "suspicious"
        title_en = "The PDF hides the names of active content behind character codes."
        title_de = "Die PDF-Datei verbirgt die Namen aktiver Inhalte hinter Zeichencodes."
        reference = "ISO 32000-2 7.3.5; MITRE ATT&CK T1027"
    strings:
        $head = "%PDF-"
        // the plain start of a name followed by its first letter written as a code; no producer escapes letters
        $javascript = /\/(#4[aA](a|#61)|J#61|Ja#76|Jav#61|Java#53|JavaS#63|JavaSc#72|JavaScr#69|JavaScri#70|JavaScrip#74)/
        $launch = /\/(#4[cC](a|#61)|L#61|La#75|Lau#6[eE]|Laun#63|Launc#68)/
        $open = /\/(#4[fF](p|#70)|O#70|Op#65|Ope#6[eE]|Open#41|OpenA#63|OpenAc#74|OpenAct#69|OpenActi#6[fF]|OpenActio#6[eE])/
        $file = /\/(#45(m|#6[dD])|E#6[dD]|Em#62|Emb#65|Embe#64|Embed#64|Embedd#65|Embedde#64|Embedded#46|EmbeddedF#69|EmbeddedFi#6[cC]|EmbeddedFil#65)/
        $submit = /\/(#53(u|#75)|S#75|Su#62|Sub#6[dD]|Subm#69|Submi#74|Submit#46|SubmitF#6[fF]|SubmitFo#72|SubmitFor#6[dD])/
        $media = /\/(#52(i|#69)|R#69|Ri#63|Ric#68|Rich#4[dD]|RichM#65|RichMe#64|RichMed#69|RichMedi#61)/
        $short = /\/(#4[aA]S|J#53|#4[aA]#53)[\s\/\[<>(]/
    condition:
        $head in (0..1024) and any of ($javascript, $launch, $open, $file, $submit, $media, $short)
}

rule pdf_remote_file : pdf
{
    meta:
        effect = "suspicious"
        title_en = "The PDF makes the computer contact a file server to capture the user's logon."
        title_de = "Die PDF-Datei lässt den Rechner einen Dateiserver kontaktieren, um die Anmeldung des Benutzers abzugreifen."
        reference = "CVE-2018-4993; MITRE ATT&CK T1187"
    strings:
        $head = "%PDF-"
        $goto = /\/S\s{0,4}\/(GoToE|GoToR|Launch|SubmitForm|ImportData|URI)[\s\/<>]/
        $unc = /\/(F|URI)\s{0,4}\((\\\\\\\\|file:\/\/)[a-z0-9][a-z0-9._-]{2,100}[\/\\]/ nocase
        $dynamic1 = /\/AA[\s]{0,4}(<<|[0-9])/
        $dynamic2 = "/OpenAction"
    condition:
        $head in (0..1024) and $goto and $unc and any of ($dynamic*)
}

rule pdf_font_matrix_code : pdf
{
    meta:
        effect = "malicious"
        title_en = "A font in the PDF carries program code where numbers belong."
        title_de = "Eine Schrift in der PDF-Datei enthält Programmcode statt Zahlen."
        reference = "CVE-2024-4367"
    strings:
        $head = "%PDF-"
        $matrix = /\/FontMatrix\s{0,4}\[[0-9\s.\-]{0,80}\([^)]{1,400}/
    condition:
        $head in (0..1024) and $matrix
}
