// Programs that hide what they contain. Programs are withheld anyway; these rules tell the reviewer why to look twice.

import "pe"
import "math"

rule packer_upx : packers
{
    meta:
        effect = "suspicious"
        title_en = "A program is compressed with UPX."
        title_de = "Ein Programm ist mit UPX komprimiert."
        reference = "MITRE ATT&CK T1027.002"
    strings:
        $elf = "UPX!"
        $info = "$Info: This file is packed with the UPX executable packer"
    condition:
        (pe.is_pe and for any s in pe.sections : (s.name == "UPX0" or s.name == "UPX1")) or
        (uint32(0) == 0x464C457F and $elf in (0..1024)) or (uint32(0) == 0x464C457F and $info)
}

rule packer_known_section : packers
{
    meta:
        effect = "suspicious"
        title_en = "A program is wrapped by a packer or protector."
        title_de = "Ein Programm ist mit einem Packer oder Schutzwerkzeug verpackt."
        reference = "MITRE ATT&CK T1027.002"
    condition:
        pe.is_pe and for any s in pe.sections : (
            s.name matches /^(\.?aspack|\.adata|ASPack|\.?MPRESS[12]|\.?petite|\.themida|Themida|\.winlice|\.vmp[0-9]|\.enigma[12]|PEC2.{0,4}|PECompact2|pec[0-9]?|\.?nsp[0-2]|\.yP|\.y0da|\.perplex|PELOCKnt|\.packed|\.RLPack|RLPack|\.spack|\.svkp|\.taz|\.tsuarch|\.WWPACK|\.wwp32|kkrunchy|FSG!|\.neolit|\.ccg|BitArts|\.boom|ExeS|\.shrink[1-3]|\.mew|MEW)$/)
}

rule packer_dense_entry_section : packers
{
    meta:
        effect = "suspicious"
        title_en = "The code of a program is encrypted or compressed."
        title_de = "Der Code eines Programms ist verschlüsselt oder komprimiert."
        reference = "MITRE ATT&CK T1027.002"
    condition:
        // BOUND: 256 KiB are measured; honest code stays below 7 bits per byte
        pe.is_pe and for any s in pe.sections : (
            s.characteristics & pe.SECTION_MEM_EXECUTE != 0 and s.raw_data_size >= 1024 and
            pe.entry_point >= s.raw_data_offset and pe.entry_point < s.raw_data_offset + s.raw_data_size and
            ((s.raw_data_size <= 262144 and math.entropy(s.raw_data_offset, s.raw_data_size) > 7.4) or
            (s.raw_data_size > 262144 and math.entropy(s.raw_data_offset, 262144) > 7.4)))
}

rule packer_dotnet_obfuscator : packers
{
    meta:
        effect = "note"
        title_en = "A .NET program has been made unreadable with an obfuscator."
        title_de = "Ein .NET-Programm wurde mit einem Verschleierungswerkzeug unlesbar gemacht."
        reference = "MITRE ATT&CK T1027"
    strings:
        $metadata = { 42 53 4A 42 01 00 01 00 }
        $mark1 = "ConfusedByAttribute"
        $mark2 = "ConfuserEx v"
        $mark3 = "SmartAssembly.Attributes"
        $mark4 = "DotfuscatorAttribute"
        $mark5 = "BabelObfuscatorAttribute"
        $mark6 = "ObfuscatedByGoliath"
        $mark7 = "CryptoObfuscator.ProtectedWith"
        $mark8 = "SecureTeam.Attributes.ObfuscatedByAgileDotNet"
        $mark9 = ".NETReactorAttribute"
        $mark10 = "YanoAttribute"
    condition:
        uint16(0) == 0x5A4D and $metadata and any of ($mark*)
}

rule packer_script_in_program : packers
{
    meta:
        effect = "suspicious"
        title_en = "A program is a wrapped script (AutoIt, PyInstaller or a self-extracting archive with a start command)."
        title_de = "Ein Programm ist ein verpacktes Skript (AutoIt, PyInstaller oder selbstentpackendes Archiv mit Startbefehl)."
        reference = "MITRE ATT&CK T1027.002, T1059.010"
    strings:
        $autoit = { 41 55 33 21 45 41 30 ( 35 | 36 ) }
        $pyinstaller = { 4D 45 49 0C 0B 0A 0B 0E }
        $sevenzip = ";!@Install@!UTF-8!"
        $run = "RunProgram="
        $execute = "ExecuteFile="
    condition:
        uint16(0) == 0x5A4D and ($autoit or $pyinstaller or ($sevenzip and any of ($run, $execute)))
}
