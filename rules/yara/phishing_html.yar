// Web pages and drawings that smuggle files or ask for passwords. Pages come out flattened; these say what was tried.

rule phishing_html_smuggling : phishing
{
    meta:
        effect = "suspicious"
        title_en = "A web page builds a file in the browser and saves it without a server."
        title_de = "Eine Webseite baut im Browser eine Datei zusammen und speichert sie ohne Server ab."
        reference = "MITRE ATT&CK T1027.006"
    strings:
        $script = "<script" nocase
        $blob1 = "new Blob(" nocase
        $blob2 = "new File([" nocase
        $blob3 = "msSaveOrOpenBlob" nocase
        $decode1 = "atob(" nocase
        $decode2 = "charCodeAt(" nocase
        $decode3 = "Uint8Array" nocase
        $save1 = "createObjectURL" nocase
        $save2 = "msSaveOrOpenBlob" nocase
        $click = /\.(click\(\)|download[ ]{0,2}=)|setAttribute\(["']download|msSaveOrOpenBlob\(/ nocase
        $payload = /["'`](TVqQ|TVpQ|UEsDB|TVNDRg|UmFyIR|N3q8r|0M8R4K|TAAAAAEUAg|JVBERi|SUNP)[A-Za-z0-9+\/]{60}/
        $iso = "Q0QwMDEB"
    condition:
        $script and any of ($blob*) and any of ($decode*) and any of ($save*) and $click and any of ($payload, $iso)
}

rule phishing_password_to_messenger : phishing
{
    meta:
        effect = "malicious"
        title_en = "A web page asks for a password and sends it to a messenger bot."
        title_de = "Eine Webseite fragt nach einem Passwort und schickt es an einen Messenger-Bot."
        reference = "MITRE ATT&CK T1056.003, T1567"
    strings:
        $password = /type[ ]{0,2}=[ ]{0,2}\\?["']?password/ nocase
        $bot1 = /api\.telegram\.org\/bot[0-9$"'`{+]/ nocase
        $bot2 = /discord(app)?\.com\/api\/webhooks\/[0-9]/ nocase
        $bot3 = "hooks.slack.com/services/" nocase
    condition:
        $password and any of ($bot*)
}

rule phishing_hidden_page_code : phishing
{
    meta:
        effect = "suspicious"
        title_en = "A web page hides its real code and runs it only in the browser."
        title_de = "Eine Webseite verbirgt ihren eigentlichen Code und führt ihn erst im Browser aus."
        reference = "MITRE ATT&CK T1027"
    strings:
        $script = "<script" nocase
        $write = /document\.write\([ ]{0,4}(window\.)?atob\(/ nocase
        $eval = /\beval\([ ]{0,4}(window\.)?(atob|unescape|decodeURIComponent)\(/ nocase
        $escaped = /unescape\([ ]{0,4}['"](%[0-9a-f]{2}){60}/ nocase
        $function = /new Function\([ ]{0,4}(window\.)?atob\(/ nocase
    condition:
        $script and any of ($write, $eval, $escaped, $function)
}

rule phishing_clipboard_command : phishing
{
    meta:
        effect = "malicious"
        title_en = "A web page copies a command to the clipboard and asks the user to run it."
        title_de = "Eine Webseite kopiert einen Befehl in die Zwischenablage und fordert zum Ausführen auf."
        reference = "MITRE ATT&CK T1204.004"
    strings:
        $script = "<script" nocase
        $copy1 = "clipboard.writeText(" nocase
        $copy2 = /execCommand\([ ]{0,2}["']copy["']/ nocase
        $command = /(powershell|pwsh|mshta|cmd|msiexec|curl|rundll32|certutil|conhost)(\.exe)?[ ]{1,4}[^<\r\n]{0,120}(https?:|-w[a-z]{0,10}[ ]|-e[a-z]{0,13}[ ]|\/c[ ]|iex|iwr|irm)/ nocase
        $key1 = /(Win(dows)?([ ]key|[ ]button)?|⊞)(<\/[a-z]{1,6}>)?[ ]{0,4}(\+|plus|and|und)[ ]{0,4}(<[a-z]{1,6}>)?[RX]\b/ nocase
        $key2 = /(Ctrl|Strg|Control)(<\/[a-z]{1,6}>)?[ ]{0,4}(\+|plus)[ ]{0,4}(<[a-z]{1,6}>)?V\b/ nocase
    condition:
        $script and any of ($copy*) and $command and any of ($key*)
}

rule phishing_search_link : phishing
{
    meta:
        effect = "suspicious"
        title_en = "A page opens a Windows search window on a foreign server."
        title_de = "Eine Seite öffnet ein Windows-Suchfenster auf einem fremden Server."
        reference = "MITRE ATT&CK T1204.002"
    strings:
        $search = /search(-ms)?:(query|displayname|crumb)=/ ascii wide nocase
        $where = /crumb=location(:|%3a)[^"'<>\r\n]{0,20}(\\\\|%5c%5c|\/\/|%2f%2f)/ ascii wide nocase
    condition:
        $search and $where
}

rule phishing_page_server_contact : phishing
{
    meta:
        effect = "strip"
        title_en = "A page or mail loads a picture from a Windows file server."
        title_de = "Eine Seite oder E-Mail lädt ein Bild von einem Windows-Dateiserver."
        reference = "MITRE ATT&CK T1187"
    strings:
        $load = /(src|background|data|poster)[ ]{0,2}=[ ]{0,2}["']?(file:[\/\\]{2}|\\\\)[a-z0-9][a-z0-9._-]{2,64}[\\\/]/ nocase
    condition:
        $load
}

rule phishing_svg_script : phishing
{
    meta:
        effect = "strip"
        title_en = "The drawing contains script."
        title_de = "Die Zeichnung enthält ein Skript."
        reference = "SVG 2, 15 Scripting; MITRE ATT&CK T1027.017"
    strings:
        $svg = /<svg[ >:\r\n]/ nocase
        $script = /<([a-z]{1,8}:)?script[ >\r\n\/]/ nocase
        $event = /[ \t\r\n]on(load|click|mouseover|begin|error|focusin|activate)[ ]{0,2}=[ ]{0,2}["']/ nocase
        $link = /href[ ]{0,2}=[ ]{0,2}["'][ ]{0,4}javascript:/ nocase
    condition:
        (format == "svg" or extension matches /^svgz?$/ or $svg in (0..2048)) and $svg and any of ($script, $event, $link)
}

rule phishing_svg_redirect : phishing
{
    meta:
        effect = "suspicious"
        title_en = "The drawing leads to a hidden web page or unpacks a file."
        title_de = "Die Zeichnung leitet auf eine versteckte Webseite um oder entpackt eine Datei."
        reference = "MITRE ATT&CK T1027.017, T1566.001"
    strings:
        $svg = /<svg[ >:\r\n]/ nocase
        $script = /<([a-z]{1,8}:)?script[ >\r\n\/]/ nocase
        $move = /(window|document|top|parent|self)\.(location|open)|location\.(href|replace|assign)/ nocase
        $hidden = /\b(atob|unescape|fromCharCode|createObjectURL|eval)[ ]{0,2}\(/ nocase
    condition:
        $svg in (0..2048) and not format matches /^(html|epub|eml|mht)$/ and not extension matches /^(html?|xhtml|mht)$/ and
        $script and $move and $hidden
}
