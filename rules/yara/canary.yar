// The lock's own test content: at every start it must be withheld, or the rules are not being asked.

rule canary_line : canary
{
    meta:
        effect = "suspicious"
        title_en = "This is the lock's own test content for its rules."
        title_de = "Das ist der eigene Testinhalt der Schleuse für ihre Regeln."
        reference = "docs/decisions/0016-canaries.md"
    strings:
        $line = "Datenschleuse canary 5d0f7c1e: whoever reads this asks the rules."
    condition:
        filesize < 4KB and $line at 0
}
