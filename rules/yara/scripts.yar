// Scripts that fetch, decode or start something. Documents that merely talk about such commands are left out by
// their format: they are flattened and nothing in them runs; members of archives are looked at on their own.

rule scripts_powershell_download_execute : scripts
{
    meta:
        effect = "suspicious"
        title_en = "A PowerShell script downloads something and runs it."
        title_de = "Ein PowerShell-Skript lädt etwas herunter und führt es aus."
        reference = "MITRE ATT&CK T1059.001, T1105"
    strings:
        $get1 = ".DownloadString(" ascii wide nocase
        $get2 = ".DownloadFile(" ascii wide nocase
        $get3 = ".DownloadData(" ascii wide nocase
        $get4 = "Invoke-WebRequest" ascii wide nocase
        $get5 = "Start-BitsTransfer" ascii wide nocase
        $get6 = "Invoke-RestMethod" ascii wide nocase
        $get7 = /\b(iwr|irm)[ ]{1,4}['"]?https?:/ ascii wide nocase
        $run1 = "Invoke-Expression" ascii wide nocase
        $run2 = /\biex\b[ (]/ ascii wide nocase
        $run3 = /\|[ ]{0,4}iex\b/ ascii wide nocase
        $run4 = "Start-Process" ascii wide nocase
        $run5 = "Invoke-Item" ascii wide nocase
    condition:
        not format matches /^(pdf|do[ct][xm]?|xl[sta][xmb]?|p[po][ts][xm]?|od[tspg]|odf-flat|rtf|visio|msg|ole|office-encrypted|package-unknown|epub|eml|mht|xml|xps|postscript|old-document|tnef|html|zip|tar|gzip|bzip2|xz|zstd|7z|rar|cab|archive-other|iso|disk-image|java|apk|package)$/ and any of ($get*) and any of ($run*)
}

rule scripts_powershell_encoded_command : scripts
{
    meta:
        effect = "suspicious"
        title_en = "A PowerShell call hides its commands in Base64."
        title_de = "Ein PowerShell-Aufruf versteckt seine Befehle in Base64."
        reference = "MITRE ATT&CK T1027.010, T1059.001"
    strings:
        $call = /(powershell|pwsh)[^\r\n]{1,200}[ ][-\/]e[a-z]{0,14}[ ^"']{1,8}[A-Za-z0-9+\/=]{60}/ ascii wide nocase
    condition:
        not format matches /^(pdf|do[ct][xm]?|xl[sta][xmb]?|p[po][ts][xm]?|od[tspg]|odf-flat|rtf|visio|msg|ole|office-encrypted|package-unknown|epub|eml|mht|xml|xps|postscript|old-document|tnef|html|zip|tar|gzip|bzip2|xz|zstd|7z|rar|cab|archive-other|iso|disk-image|java|apk|package)$/ and $call
}

rule scripts_powershell_memory_load : scripts
{
    meta:
        effect = "malicious"
        title_en = "A PowerShell script loads a hidden program straight into memory."
        title_de = "Ein PowerShell-Skript lädt ein verstecktes Programm direkt in den Arbeitsspeicher."
        reference = "MITRE ATT&CK T1620"
    strings:
        $load = /\[(System\.)?Reflection\.Assembly\]::Load\(/ ascii wide nocase
        $decode = "FromBase64String" ascii wide nocase
        $inflate = "IO.Compression" ascii wide nocase
        $delegate = "GetDelegateForFunctionPointer" ascii wide nocase
        $alloc = "VirtualAlloc" ascii wide nocase
    condition:
        not format matches /^(pe|pdf|do[ct][xm]?|xl[sta][xmb]?|p[po][ts][xm]?|od[tspg]|odf-flat|rtf|visio|msg|ole|office-encrypted|package-unknown|epub|eml|mht|xml|xps|postscript|old-document|tnef|html|zip|tar|gzip|bzip2|xz|zstd|7z|rar|cab|archive-other|iso|disk-image|java|apk|package)$/ and uint16(0) != 0x5A4D and
        (($load and any of ($decode, $inflate)) or ($delegate and $alloc))
}

rule scripts_amsi_tampering : scripts
{
    meta:
        effect = "malicious"
        title_en = "A script switches off the malware interface of Windows."
        title_de = "Ein Skript schaltet die Schadcode-Schnittstelle von Windows ab."
        reference = "MITRE ATT&CK T1562.001"
    strings:
        $field = "amsiInitFailed" ascii wide nocase
        $class = "AmsiUtils" ascii wide nocase
        $scan = "AmsiScanBuffer" ascii wide nocase
        $set = ".SetValue(" ascii wide nocase
        $get = ".GetField(" ascii wide nocase
        $protect = "VirtualProtect" ascii wide nocase
    condition:
        not format matches /^(pe|pdf|do[ct][xm]?|xl[sta][xmb]?|p[po][ts][xm]?|od[tspg]|odf-flat|rtf|visio|msg|ole|office-encrypted|package-unknown|epub|eml|mht|xml|xps|postscript|old-document|tnef|html|zip|tar|gzip|bzip2|xz|zstd|7z|rar|cab|archive-other|iso|disk-image|java|apk|package)$/ and uint16(0) != 0x5A4D and
        ((any of ($field, $class) and any of ($set, $get)) or ($scan and $protect))
}

rule scripts_defence_removal : scripts
{
    meta:
        effect = "malicious"
        title_en = "A script deletes backups or switches off the virus scanner."
        title_de = "Ein Skript löscht Sicherungen oder schaltet den Virenscanner ab."
        reference = "MITRE ATT&CK T1490, T1562.001"
    strings:
        $shadow = /vssadmin(\.exe)?["']?[ ]{1,8}delete[ ]{1,8}shadows[^\r\n]{0,60}\/quiet/ ascii wide nocase
        $wmic = /shadowcopy[ ]{1,8}delete/ ascii wide nocase
        $catalog = /wbadmin(\.exe)?[ ]{1,8}delete[ ]{1,8}(catalog|systemstatebackup)/ ascii wide nocase
        $recovery = /bcdedit(\.exe)?[^\r\n]{1,60}recoveryenabled[ ]{1,8}no\b/ ascii wide nocase
        $defender = /Set-MpPreference[^\r\n]{1,120}-DisableRealtimeMonitoring[ ]{1,8}(\$true|1)/ ascii wide nocase
        $exclude = /Add-MpPreference[^\r\n]{1,60}-ExclusionPath[ ]{1,8}["']?(c:\\?["' \r\n]|\$env:(temp|appdata|public))/ ascii wide nocase
    condition:
        not format matches /^(pe|pdf|do[ct][xm]?|xl[sta][xmb]?|p[po][ts][xm]?|od[tspg]|odf-flat|rtf|visio|msg|ole|office-encrypted|package-unknown|epub|eml|mht|xml|xps|postscript|old-document|tnef|html|zip|tar|gzip|bzip2|xz|zstd|7z|rar|cab|archive-other|iso|disk-image|java|apk|package)$/ and uint16(0) != 0x5A4D and any of them
}

rule scripts_wsh_run : scripts
{
    meta:
        effect = "suspicious"
        title_en = "A Visual Basic script starts other programs."
        title_de = "Ein Visual-Basic-Skript startet andere Programme."
        reference = "MITRE ATT&CK T1059.005"
    strings:
        $shell = /CreateObject[ ]{0,4}\([ ]{0,4}"(WScript\.Shell|Shell\.Application|Wscript\.Network)"/ ascii wide nocase
        $split = /CreateObject[ ]{0,4}\([ ]{0,4}("[a-z.]{1,8}"[ ]{0,2}&[ ]{0,2}){1,8}"[a-z.]{1,8}"/ ascii wide nocase
        $run = /\.(Run|Exec|ShellExecute)[ (]/ ascii wide nocase
    condition:
        not format matches /^(pdf|do[ct][xm]?|xl[sta][xmb]?|p[po][ts][xm]?|od[tspg]|odf-flat|rtf|visio|msg|ole|office-encrypted|package-unknown|epub|eml|mht|xml|xps|postscript|old-document|tnef|html|zip|tar|gzip|bzip2|xz|zstd|7z|rar|cab|archive-other|iso|disk-image|java|apk|package)$/ and any of ($shell, $split) and $run
}

rule scripts_wsh_download : scripts
{
    meta:
        effect = "malicious"
        title_en = "A script fetches a file from the network, stores it and is able to run it."
        title_de = "Ein Skript lädt eine Datei aus dem Netz, speichert sie und kann sie ausführen."
        reference = "MITRE ATT&CK T1105, T1059.005"
    strings:
        $make1 = "CreateObject" ascii wide nocase
        $make2 = "ActiveXObject" ascii wide nocase
        $http1 = "MSXML2." ascii wide nocase
        $http2 = "Microsoft.XMLHTTP" ascii wide nocase
        $http3 = "WinHttp.WinHttpRequest" ascii wide nocase
        $stream = "ADODB.Stream" ascii wide nocase
        $save = "SaveToFile" ascii wide nocase
    condition:
        not format matches /^(pe|pdf|do[ct][xm]?|xl[sta][xmb]?|p[po][ts][xm]?|od[tspg]|odf-flat|rtf|visio|msg|ole|office-encrypted|package-unknown|epub|eml|mht|xml|xps|postscript|old-document|tnef|html|zip|tar|gzip|bzip2|xz|zstd|7z|rar|cab|archive-other|iso|disk-image|java|apk|package)$/ and any of ($make*) and any of ($http*) and $stream and $save
}

rule scripts_jscript_activex : scripts
{
    meta:
        effect = "suspicious"
        title_en = "A JavaScript file controls Windows through ActiveX."
        title_de = "Eine JavaScript-Datei steuert Windows über ActiveX."
        reference = "MITRE ATT&CK T1059.007"
    strings:
        $object = /ActiveXObject[ ]{0,4}\([ ]{0,4}["'](WScript\.Shell|Shell\.Application|Scripting\.FileSystemObject|ADODB\.Stream|Schedule\.Service)/ ascii wide nocase
        $create = /WScript\.CreateObject[ ]{0,4}\([ ]{0,4}["']/ ascii wide nocase
        $shell = "WScript.Shell" ascii wide nocase
    condition:
        not format matches /^(pe|pdf|do[ct][xm]?|xl[sta][xmb]?|p[po][ts][xm]?|od[tspg]|odf-flat|rtf|visio|msg|ole|office-encrypted|package-unknown|epub|eml|mht|xml|xps|postscript|old-document|tnef|zip|tar|gzip|bzip2|xz|zstd|7z|rar|cab|archive-other|iso|disk-image|java|apk|package)$/ and ($object or ($create and $shell))
}

rule scripts_html_application : scripts
{
    meta:
        effect = "suspicious"
        title_en = "An HTML application runs script with the user's full rights."
        title_de = "Eine HTML-Anwendung führt Skripte mit allen Rechten des Benutzers aus."
        reference = "MITRE ATT&CK T1218.005"
    strings:
        $hta = "<hta:application" ascii wide nocase
        $script = "<script" ascii wide nocase
    condition:
        $hta or (extension == "hta" and $script)
}

rule scripts_batch_download : scripts
{
    meta:
        effect = "suspicious"
        title_en = "A batch script fetches or decodes a file with Windows' own tools."
        title_de = "Ein Batch-Skript lädt oder entschlüsselt eine Datei mit Bordmitteln von Windows."
        reference = "MITRE ATT&CK T1105, T1140, T1197"
    strings:
        $cert1 = /certutil(\.exe)?["']?[^\r\n]{1,80}[-\/](urlcache|verifyctl)[^\r\n]{1,200}https?:/ ascii wide nocase
        $cert2 = /certutil(\.exe)?["']?[^\r\n]{0,40}[-\/]decode(hex)?[ ]{1,8}[^\r\n]{1,200}\.(exe|dll|scr|bat|cmd|vbs|js|ps1|zip|cab)/ ascii wide nocase
        $bits = /bitsadmin(\.exe)?["']?[^\r\n]{0,40}\/(transfer|addfile)[^\r\n]{1,200}https?:/ ascii wide nocase
        $mshta = /mshta(\.exe)?["']?[ ]{1,8}["']?(https?:|javascript:|vbscript:)/ ascii wide nocase
        $regsvr = /regsvr32(\.exe)?["']?[^\r\n]{1,60}\/i:https?:/ ascii wide nocase
        $msiexec = /msiexec(\.exe)?["']?[^\r\n]{0,40}\/(i|package|q)[^\r\n]{0,20}[ ]["']?https?:/ ascii wide nocase
        $curl = /curl(\.exe)?[ ]{1,4}[^\r\n]{1,200}(-o|--output)[ ]{1,4}["']?%(temp|tmp|appdata|localappdata|public|programdata)%/ ascii wide nocase
    condition:
        not format matches /^(pdf|do[ct][xm]?|xl[sta][xmb]?|p[po][ts][xm]?|od[tspg]|odf-flat|rtf|visio|msg|ole|office-encrypted|package-unknown|epub|eml|mht|xml|xps|postscript|old-document|tnef|html|zip|tar|gzip|bzip2|xz|zstd|7z|rar|cab|archive-other|iso|disk-image|java|apk|package)$/ and any of them
}

rule scripts_program_as_certificate : scripts
{
    meta:
        effect = "malicious"
        title_en = "A program is dressed up as a certificate."
        title_de = "Ein Programm ist als Zertifikat getarnt."
        reference = "MITRE ATT&CK T1027, T1140"
    strings:
        $pem = /-----BEGIN [A-Z0-9 ]{1,40}-----[\r\n]{1,4}(TVqQAA|TVpQAA|TVoAAA|TVpBUl|f0VMRg|UEsDBB)/
    condition:
        $pem
}

rule scripts_base64_program : scripts
{
    meta:
        effect = "suspicious"
        title_en = "A text file carries a Windows program in Base64."
        title_de = "Eine Textdatei enthält ein Windows-Programm in Base64."
        reference = "MITRE ATT&CK T1027.009"
    strings:
        $pe = "TVqQAAMAAAAEAAAA//8AALgAAAAA" ascii wide
        $pe_spare = "TVpQAAIAAAAEAA8A//8AALgAAAAA" ascii wide
        $reversed = "AAAAAgLAA8//AAAAEAAAAMAAQqVT" ascii wide
        $hex = "4d5a90000300000004000000ffff0000b8000000" ascii wide nocase
    condition:
        not format matches /^(pe|eml|msg|mht|tnef|rtf|zip|tar|gzip|bzip2|xz|zstd|7z|rar|cab|archive-other|iso|disk-image|java|apk|package)$/ and any of them
}

rule scripts_shell_pipe_download : scripts
{
    meta:
        effect = "suspicious"
        title_en = "A shell script downloads commands and runs them unseen."
        title_de = "Ein Shell-Skript lädt Befehle herunter und führt sie ungesehen aus."
        reference = "MITRE ATT&CK T1059.004, T1105"
    strings:
        $pipe = /(curl|wget)[ \t][^\r\n|]{4,300}\|[ \t]{0,4}(sudo[ \t]{1,4})?([a-z\/]{0,20}\/)?((ba|da|z|k)?sh|python[0-9.]{0,4}|perl)\b/
        $substitute = /(\beval|\bsource|\b(ba|da|z|k)?sh -c)[ \t]{1,4}"?(\$\(|`|<\()[ \t]{0,4}(curl|wget)[ \t]/
        $decode = /base64[ \t]{1,4}(-d|-D|--decode)[ \t]{0,4}\|[ \t]{0,4}(sudo[ \t]{1,4})?((ba|da|z|k)?sh|python[0-9.]{0,4}|perl)\b/
        $drop = /chmod[ \t]{1,4}(\+x|a\+x|[0-7]{0,1}7[0-7]{2})[ \t]{1,4}["']?\/(tmp|dev\/shm|var\/tmp)\/[^\r\n;&]{1,80}[;&\r\n]{1,4}[ \t]{0,8}["']?\/(tmp|dev\/shm|var\/tmp)\//
    condition:
        // read-me files show installation lines of this kind: only a file meant to run counts
        (uint16(0) == 0x2123 or format startswith "script" or extension matches /^(sh|bash|zsh|ksh|command|run|desktop|service|py|pl)$/)
        and any of them
}

rule scripts_reverse_shell : scripts
{
    meta:
        effect = "malicious"
        title_en = "A script opens a remote shell to another computer."
        title_de = "Ein Skript öffnet eine Fernsteuerung zu einem anderen Rechner."
        reference = "MITRE ATT&CK T1059.004, T1095"
    strings:
        $bash = /(ba|z|k|da)?sh[ \t]{1,4}-i[ \t]{0,4}[^\r\n]{0,8}>&?[ \t]{0,4}\/dev\/(tcp|udp)\/[^\r\n \/]{3,64}\/[0-9]{1,5}/
        $exec = /exec[ \t]{1,4}[0-9]{1,3}<>[ \t]{0,4}\/dev\/(tcp|udp)\/[^\r\n \/]{3,64}\/[0-9]{1,5}/
        $netcat = /\b(nc|ncat|netcat)[ \t][^\r\n]{0,80}-[a-z]{0,4}[ec][ \t]{1,4}["']?(\/bin\/)?(ba|z|da)?(sh|cmd\.exe)\b/
        $fifo = /mkfifo[ \t]{1,4}[^\r\n;]{3,60};[^\r\n]{1,200}\|[ \t]{0,4}(nc|ncat|netcat|openssl[ \t]{1,4}s_client)[ \t]/
        $client = "New-Object System.Net.Sockets.TCPClient(" ascii wide nocase
        $stream = ".GetStream()" ascii wide nocase
        $iex = /\biex\b|Invoke-Expression/ ascii wide nocase
    condition:
        not format matches /^(pdf|do[ct][xm]?|xl[sta][xmb]?|p[po][ts][xm]?|od[tspg]|odf-flat|rtf|visio|msg|ole|office-encrypted|package-unknown|epub|eml|mht|xml|xps|postscript|old-document|tnef|html|zip|tar|gzip|bzip2|xz|zstd|7z|rar|cab|archive-other|iso|disk-image|java|apk|package)$/ and (any of ($bash, $exec, $netcat, $fifo) or all of ($client, $stream, $iex))
}

rule scripts_python_remote_shell : scripts
{
    meta:
        effect = "malicious"
        title_en = "A Python script connects to a server and hands it a command line."
        title_de = "Ein Python-Skript verbindet sich mit einem Server und übergibt ihm eine Befehlszeile."
        reference = "MITRE ATT&CK T1059.006"
    strings:
        $socket = "socket.socket("
        $connect = /\.connect(_ex)?\([ ]{0,4}\(/
        $dup = /os\.dup2\([ ]{0,4}[a-z_]{1,20}\.fileno\(\)/
        $pty = /pty\.spawn\([ ]{0,4}["'](\/bin\/)?(ba)?sh/
        $exec = /\b(exec|eval)\([ ]{0,4}[a-z_]{0,20}\.?(recv\(|decode\(|makefile)/
        $popen = /(Popen|check_output|os\.popen|os\.system)\([ ]{0,4}[a-z_]{1,20}(\.recv|\.decode|[ ]{0,2},[ ]{0,2}shell[ ]{0,2}=[ ]{0,2}True)/
        $recv = ".recv("
    condition:
        not format matches /^(pdf|do[ct][xm]?|xl[sta][xmb]?|p[po][ts][xm]?|od[tspg]|odf-flat|rtf|visio|msg|ole|office-encrypted|package-unknown|epub|eml|mht|xml|xps|postscript|old-document|tnef|html|zip|tar|gzip|bzip2|xz|zstd|7z|rar|cab|archive-other|iso|disk-image|java|apk|package)$/ and $socket and $connect and
        (any of ($dup, $pty, $exec) or ($popen and $recv))
}

rule scripts_python_encoded_exec : scripts
{
    meta:
        effect = "suspicious"
        title_en = "A Python script decodes hidden code and runs it."
        title_de = "Ein Python-Skript entschlüsselt versteckten Code und führt ihn aus."
        reference = "MITRE ATT&CK T1027, T1059.006"
    strings:
        $exec = /\b(exec|eval)\([ ]{0,4}(compile\([ ]{0,4})?((__import__\([ ]{0,4}['"](base64|zlib|marshal|codecs|bz2|lzma)['"][ ]{0,4}\)|base64|zlib|marshal|codecs|bz2|lzma)\.[a-z0-9_]{3,16}|b64decode)\(/
    condition:
        not format matches /^(pdf|do[ct][xm]?|xl[sta][xmb]?|p[po][ts][xm]?|od[tspg]|odf-flat|rtf|visio|msg|ole|office-encrypted|package-unknown|epub|eml|mht|xml|xps|postscript|old-document|tnef|html|zip|tar|gzip|bzip2|xz|zstd|7z|rar|cab|archive-other|iso|disk-image|java|apk|package)$/ and $exec
}

rule scripts_encoded_windows_script : scripts
{
    meta:
        effect = "suspicious"
        title_en = "A Windows script is encoded so that nobody can read it."
        title_de = "Ein Windows-Skript ist so kodiert, dass es niemand lesen kann."
        reference = "MITRE ATT&CK T1027, T1059.005"
    strings:
        $head = /#@~\^[A-Za-z0-9+\/]{6}==/ ascii wide
        $tail = "==^#~@" ascii wide
    condition:
        $head and $tail
}

rule scripts_script_component : scripts
{
    meta:
        effect = "suspicious"
        title_en = "A Windows script component or script job is meant to be run."
        title_de = "Eine Windows-Skriptkomponente oder ein Skriptauftrag ist zum Ausführen bestimmt."
        reference = "MITRE ATT&CK T1218.010, T1220"
    strings:
        $component = /<(scriptlet|component|package)[ >\r\n]/ nocase
        $registration = "<registration" nocase
        $job = /<job[ >][^<]{0,200}<(script|object|reference|runtime)/ nocase
        $script = /<script[^>]{0,40}language[ ]{0,2}=[ ]{0,2}["']?(vbs|js|jscript|vbscript|javascript|perlscript)/ nocase
        $xsl = "urn:schemas-microsoft-com:xslt" nocase
        $xsl_script = /<ms(xsl)?:script[^>]{0,80}implements-prefix/ nocase
    condition:
        filesize < 8MB and (($component and $registration and $script) or ($job and $script) or ($xsl and $xsl_script))
}

rule scripts_php_web_shell : scripts
{
    meta:
        effect = "malicious"
        title_en = "A PHP file runs whatever a visitor sends it."
        title_de = "Eine PHP-Datei führt aus, was ein Besucher ihr schickt."
        reference = "MITRE ATT&CK T1505.003"
    strings:
        $php = /<\?(php|=)/ nocase
        $input = /\b(eval|assert|system|exec|shell_exec|passthru|popen|proc_open)[ ]{0,4}\([ ]{0,4}@?(base64_decode\([ ]{0,4}|stripslashes\([ ]{0,4})?\$_(GET|POST|REQUEST|COOKIE|SERVER)\b/ nocase
        $packed = /\b(eval|assert)[ ]{0,4}\([ ]{0,4}@?(gzinflate|gzuncompress|str_rot13|base64_decode|strrev)[ ]{0,4}\(/ nocase
    condition:
        not format matches /^(pdf|do[ct][xm]?|xl[sta][xmb]?|p[po][ts][xm]?|od[tspg]|odf-flat|rtf|visio|msg|ole|office-encrypted|package-unknown|epub|eml|mht|xml|xps|postscript|old-document|tnef|html|zip|tar|gzip|bzip2|xz|zstd|7z|rar|cab|archive-other|iso|disk-image|java|apk|package)$/ and $php and any of ($input, $packed)
}
