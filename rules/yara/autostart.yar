// What a medium brings along so that Windows runs or fetches something by itself.

rule autostart_autorun_command : autostart
{
    meta:
        effect = "suspicious"
        title_en = "An autorun.inf wants to start a program when the medium is opened."
        title_de = "Eine autorun.inf will beim Öffnen des Datenträgers ein Programm starten."
        reference = "MITRE ATT&CK T1091"
    strings:
        $section = "[autorun" ascii wide nocase
        $open = /\n[ \t]{0,16}open[ \t]{0,16}=/ nocase
        $open_wide = "\nopen" wide nocase
        $execute = "shellexecute" ascii wide nocase
        $verb = /shell\\[a-z0-9_ ]{1,32}\\command/ ascii wide nocase
    condition:
        filesize < 4MB and $section and any of ($open*, $execute, $verb) and
        (extension == "inf" or $section in (0..512))
}

rule autostart_autorun_label : autostart
{
    meta:
        effect = "note"
        title_en = "An autorun.inf gives the medium a name or an icon, but starts nothing."
        title_de = "Eine autorun.inf gibt dem Datenträger einen Namen oder ein Symbol, startet aber nichts."
        reference = "MITRE ATT&CK T1091"
    strings:
        $section = "[autorun" ascii wide nocase
        $label = "label" ascii wide nocase
        $icon = "icon" ascii wide nocase
        $run1 = "open=" ascii wide nocase
        $run2 = "open =" ascii wide nocase
        $run3 = "shell" ascii wide nocase
    condition:
        filesize < 64KB and $section in (0..512) and ($label or $icon) and none of ($run*)
}

rule autostart_autorun_worm : autostart
{
    meta:
        effect = "malicious"
        title_en = "An autorun.inf starts a script or a file hidden in a recycle bin, the way USB worms do."
        title_de = "Eine autorun.inf startet ein Skript oder eine im Papierkorb versteckte Datei, wie es USB-Würmer tun."
        reference = "MITRE ATT&CK T1091"
    strings:
        $section = "[autorun" ascii wide nocase
        $bin = /(=|\\)[ \t]{0,8}\.{0,2}\\?(\$?recycler?|\$recycle\.bin|restore)\\[^\r\n]{3,200}/ nocase
        $script = /=[ \t]{0,8}(%[a-z]{3,16}%\\)?(system32\\)?(wscript|cscript|rundll32|mshta|powershell|regsvr32)(\.exe)?[ \t]/ ascii wide nocase
        $double = /=[ \t]{0,8}[^\r\n=]{1,120}\.(jpg|jpeg|pdf|doc|docx|txt|mp3)[ ]{0,64}\.(exe|scr|pif|com|vbs|vbe)/ nocase
    condition:
        filesize < 4MB and $section and any of ($bin, $script, $double) and
        (extension == "inf" or $section in (0..512))
}

rule autostart_desktop_ini_clsid : autostart
{
    meta:
        effect = "suspicious"
        title_en = "A desktop.ini hands a folder over to a foreign shell extension."
        title_de = "Eine desktop.ini übergibt einen Ordner an eine fremde Shell-Erweiterung."
        reference = "MITRE ATT&CK T1546.015"
    strings:
        $section = "[.ShellClassInfo]" ascii wide nocase
        $clsid = /\nCLSID2?[ \t]{0,8}=[ \t]{0,8}\{[0-9a-f]{8}-/ nocase
        $clsid_wide = "\nCLSID" wide nocase
        $ui = "UICLSID" ascii wide nocase
        // every Windows volume carries a desktop.ini with these: recycle bin, folder shortcut, fonts, compressed folder view
        $bin = "645FF040-5081-101B-9F08-00AA002F954E" ascii wide nocase
        $link = "0AFACED1-E828-11D1-9187-B532F1E9575D" ascii wide nocase
        $fonts = "BD84B380-8CA2-1069-AB1D-08000948F534" ascii wide nocase
    condition:
        filesize < 256KB and $section and any of ($clsid, $clsid_wide, $ui) and none of ($bin, $link, $fonts)
}

rule autostart_desktop_ini_unc : autostart
{
    meta:
        effect = "suspicious"
        title_en = "A desktop.ini makes Windows contact a server as soon as the folder is shown."
        title_de = "Eine desktop.ini lässt Windows schon beim Anzeigen des Ordners einen Server kontaktieren."
        reference = "MITRE ATT&CK T1187"
    strings:
        $section = "[.ShellClassInfo]" ascii wide nocase
        $unc = /(IconFile|IconResource|InfoTip|LocalizedResourceName|Logo)[ \t]{0,8}=[ \t]{0,8}@?(\\\\|\/\/|file:\/\/|https?:)/ ascii wide nocase
    condition:
        filesize < 256KB and $section and $unc
}

rule autostart_folder_template : autostart
{
    meta:
        effect = "suspicious"
        title_en = "A folder template (folder.htt) runs script when the folder is shown."
        title_de = "Eine Ordnervorlage (folder.htt) führt beim Anzeigen des Ordners ein Skript aus."
        reference = "MITRE ATT&CK T1091"
    strings:
        $ini = "[.ShellClassInfo]" ascii wide nocase
        $moniker = /PersistMoniker[ \t]{0,8}=[ \t]{0,8}file:/ ascii wide nocase
        $view = "1820FED0-473E-11D0-A96C-00C04FD705A2" ascii wide nocase
        $script = "<script" ascii wide nocase
    condition:
        filesize < 1MB and (($ini and $moniker) or ($view and $script))
}

rule autostart_registry_run_key : autostart
{
    meta:
        effect = "suspicious"
        title_en = "A registry file makes a program start at every logon."
        title_de = "Eine Registrierungsdatei lässt ein Programm bei jeder Anmeldung starten."
        reference = "MITRE ATT&CK T1547.001"
    strings:
        $head5 = "Windows Registry Editor Version" ascii wide
        $head4 = "REGEDIT4" ascii wide
        $run = /\\CurrentVersion\\(Run|RunOnce|RunServices|Policies\\Explorer\\Run|Image File Execution Options\\[^\]\r\n]{1,64})\]/ ascii wide nocase
        $winlogon = /\\Winlogon\][\r\n]{1,4}"(Shell|Userinit)"/ ascii wide nocase
    condition:
        filesize < 16MB and ($head5 in (0..8) or $head4 in (0..8)) and any of ($run, $winlogon)
}
