extension DiagnosticRow {
  /// The values of each key.
  static let values = [
    DiagnosticRow(
      #"ADAPTER=="", DOMAIN=="4|", RESERVE="", NAME="", KERNEL=="|*""#,
      #"""
      f:1:10: error: ADAPTER has no value; remove the clause, or write APQN=="*" if the rule applies to every queue [empty-value]
        ADAPTER=="", DOMAIN=="4|", RESERVE="", NAME="", KERNEL=="|*"
                 ^^
      f:1:24: error: an alternative beside this | is empty; remove the | [empty-value]
        ADAPTER=="", DOMAIN=="4|", RESERVE="", NAME="", KERNEL=="|*"
                               ^
      f:1:36: error: RESERVE has no value; write "vfio_ap", "host" or "unmanaged" [empty-value]
        ADAPTER=="", DOMAIN=="4|", RESERVE="", NAME="", KERNEL=="|*"
                                           ^^
      f:1:45: error: NAME has no value; write a label, or remove NAME [empty-value]
        ADAPTER=="", DOMAIN=="4|", RESERVE="", NAME="", KERNEL=="|*"
                                                    ^^
      f:1:58: error: an alternative beside this | is empty; remove the | [empty-value]
        ADAPTER=="", DOMAIN=="4|", RESERVE="", NAME="", KERNEL=="|*"
                                                                 ^
      """#),
    DiagnosticRow(
      #"ADAPTER=="10|05|100", RESERVE="host""#,
      #"""
      f:1:11: error: "10" can be decimal as on the HMC (0x0a) or hexadecimal as in sysfs (0x10); from ten on, write numbers with 0x [ambiguous-number]
        ADAPTER=="10|05|100", RESERVE="host"
                  ^^
        write: 0x0a or 0x10
      f:1:14: error: numbers below ten are written with one digit [ambiguous-number]
        ADAPTER=="10|05|100", RESERVE="host"
                     ^^
        write: 5
      f:1:17: error: "100" is decimal, as on the HMC; from ten on, write numbers with 0x [ambiguous-number]
        ADAPTER=="10|05|100", RESERVE="host"
                        ^^^
        write: 0x64
      """#),
    DiagnosticRow(
      #"ADAPTER=="0a|x|*|0X0A", RESERVE="host""#,
      #"""
      f:1:11: error: "0a" is missing the 0x of a hexadecimal number [invalid-number]
        ADAPTER=="0a|x|*|0X0A", RESERVE="host"
                  ^^
        write: 0x0a
      f:1:14: error: "x" is not a number; write 0 to 9, or 0x0a to 0xff [invalid-number]
        ADAPTER=="0a|x|*|0X0A", RESERVE="host"
                     ^
      f:1:16: error: ADAPTER takes numbers; remove the clause, or write APQN=="*" if the rule applies to every queue [invalid-number]
        ADAPTER=="0a|x|*|0X0A", RESERVE="host"
                       ^
      f:1:18: error: the prefix of a hexadecimal number is 0x, in lower case [invalid-number]
        ADAPTER=="0a|x|*|0X0A", RESERVE="host"
                         ^^^^
        write: 0x0a
      """#),
    DiagnosticRow(
      #"ADAPTER=="256|0x100|99999999999999999999", RESERVE="host""#,
      #"""
      f:1:11: error: "256" is too large; the largest number is 0xff (255) [number-too-large]
        ADAPTER=="256|0x100|99999999999999999999", RESERVE="host"
                  ^^^
      f:1:15: error: "0x100" is too large; the largest number is 0xff (255) [number-too-large]
        ADAPTER=="256|0x100|99999999999999999999", RESERVE="host"
                      ^^^^^
      f:1:21: error: "99999999999999999999" is too large; the largest number is 0xff (255) [number-too-large]
        ADAPTER=="256|0x100|99999999999999999999", RESERVE="host"
                            ^^^^^^^^^^^^^^^^^^^^
      """#),
    DiagnosticRow(
      #"DOMAIN=="-1", HWTYPE=="-12", RESERVE="host""#,
      #"""
      f:1:10: error: -1 is negative; numbers are 0 to 255 [negative-number]
        DOMAIN=="-1", HWTYPE=="-12", RESERVE="host"
                 ^^
      f:1:24: error: -12 is negative; numbers are 0 to 255, and a range needs a first number [negative-number]
        DOMAIN=="-1", HWTYPE=="-12", RESERVE="host"
                               ^^^
        write: 0-12
      """#),
    DiagnosticRow(
      #"DOMAIN=="7-5|5-|0x10-15|1-2-3", RESERVE="host""#,
      #"""
      f:1:10: error: the first number of the range is greater than the last [reversed-range]
        DOMAIN=="7-5|5-|0x10-15|1-2-3", RESERVE="host"
                 ^^^
        write: 5-7
      f:1:14: error: a range of DOMAIN needs a last number [open-range]
        DOMAIN=="7-5|5-|0x10-15|1-2-3", RESERVE="host"
                     ^^
        write: 5-0xff
      f:1:22: error: "15" can be decimal as on the HMC (0x0f) or hexadecimal as in sysfs (0x15); from ten on, write numbers with 0x [ambiguous-number]
        DOMAIN=="7-5|5-|0x10-15|1-2-3", RESERVE="host"
                             ^^
        write: 0x0f or 0x15
      f:1:27: error: "2-3" is not a number; write 0 to 9, or 0x0a to 0xff [invalid-number]
        DOMAIN=="7-5|5-|0x10-15|1-2-3", RESERVE="host"
                                  ^^^
      """#),
    DiagnosticRow(
      #"DOMAIN=="4, 5", ADAPTER=="1 | 2", RESERVE="host""#,
      #"""
      f:1:10: error: alternatives are separated by |, not by a comma [comma-in-value]
        DOMAIN=="4, 5", ADAPTER=="1 | 2", RESERVE="host"
                 ^^^^
        write: 4|5
      f:1:27: error: the value of ADAPTER cannot have blanks [blank-in-value]
        DOMAIN=="4, 5", ADAPTER=="1 | 2", RESERVE="host"
                                  ^^^^^
        write: 1|2
      """#),
    DiagnosticRow(
      #"HWTYPE=="0x0d|CEX7|ten|14-11", RESERVE="host""#,
      #"""
      f:1:10: error: HWTYPE is decimal, as hwtype in sysfs [hexadecimal-hardware-type]
        HWTYPE=="0x0d|CEX7|ten|14-11", RESERVE="host"
                 ^^^^
        write: 13
      f:1:15: error: HWTYPE is the decimal hwtype of the card; to match a name, use TYPE [invalid-number]
        HWTYPE=="0x0d|CEX7|ten|14-11", RESERVE="host"
                      ^^^^
        write: 13
      f:1:20: error: "ten" is not a decimal number; CEX4 is 10 [invalid-number]
        HWTYPE=="0x0d|CEX7|ten|14-11", RESERVE="host"
                           ^^^
      f:1:24: error: the first number of the range is greater than the last [reversed-range]
        HWTYPE=="0x0d|CEX7|ten|14-11", RESERVE="host"
                               ^^^^^
        write: 11-14
      """#),
    DiagnosticRow(
      #"APQN=="5.4|05|0A.0004|05.000?", RESERVE="host""#,
      #"""
      f:1:8: error: "5" is too short: an adapter has 2 digits, as in 05.0004 [apqn-width]
        APQN=="5.4|05|0A.0004|05.000?", RESERVE="host"
               ^
        write: 05
      f:1:10: error: "4" is too short: a domain has 4 digits, as in 05.0004 [apqn-width]
        APQN=="5.4|05|0A.0004|05.000?", RESERVE="host"
                 ^
        write: 0004
      f:1:12: error: "05" is not an APQN; write adapter.domain as in sysfs, such as 05.0004 [invalid-apqn]
        APQN=="5.4|05|0A.0004|05.000?", RESERVE="host"
                   ^^
        write: 05.*
      f:1:15: error: hexadecimal digits are written in lower case, as in sysfs [apqn-case]
        APQN=="5.4|05|0A.0004|05.000?", RESERVE="host"
                      ^^
        write: 0a
      f:1:26: error: "000?" is not a number; to match queue names with a glob, use KERNEL [invalid-apqn]
        APQN=="5.4|05|0A.0004|05.000?", RESERVE="host"
                                 ^^^^
      """#),
    DiagnosticRow(
      #"APQN=="00-05.0100|07-05.*|05-.*|-1.0004", RESERVE="host""#,
      #"""
      f:1:14: error: "0100" is too large; the largest number is 00ff [number-too-large]
        APQN=="00-05.0100|07-05.*|05-.*|-1.0004", RESERVE="host"
                     ^^^^
      f:1:19: error: the first number of the range is greater than the last [reversed-range]
        APQN=="00-05.0100|07-05.*|05-.*|-1.0004", RESERVE="host"
                          ^^^^^
        write: 05-07
      f:1:27: error: a range in an APQN needs a last number [open-range]
        APQN=="00-05.0100|07-05.*|05-.*|-1.0004", RESERVE="host"
                                  ^^^
        write: 05-ff
      f:1:33: error: -1 is negative; numbers are 00 to ff [negative-number]
        APQN=="00-05.0100|07-05.*|05-.*|-1.0004", RESERVE="host"
                                        ^^
      """#),
    DiagnosticRow(
      #"MODE=="CCA|accelerator|foo", RESERVE="host""#,
      #"""
      f:1:8: error: unknown mode "CCA"; the modes are accel, cca, ep11 [unknown-mode]
        MODE=="CCA|accelerator|foo", RESERVE="host"
               ^^^
        write: cca
      f:1:12: error: unknown mode "accelerator"; the modes are accel, cca, ep11 [unknown-mode]
        MODE=="CCA|accelerator|foo", RESERVE="host"
                   ^^^^^^^^^^^
        write: accel
      f:1:24: error: unknown mode "foo"; the modes are accel, cca, ep11 [unknown-mode]
        MODE=="CCA|accelerator|foo", RESERVE="host"
                               ^^^
      """#),
    DiagnosticRow(
      #"KERNEL=="card05", KERNEL!="card*", RESERVE="host""#,
      #"""
      f:1:1: error: KERNEL matches queue names, such as 05.0004; to match a card, use ADAPTER [card-in-kernel]
        KERNEL=="card05", KERNEL!="card*", RESERVE="host"
        ^^^^^^^^^^^^^^^^
        write: ADAPTER=="5"
      f:1:19: error: KERNEL matches queue names, such as 05.0004; to match a card, use ADAPTER [card-in-kernel]
        KERNEL=="card05", KERNEL!="card*", RESERVE="host"
                          ^^^^^^^^^^^^^^^
      """#),
    DiagnosticRow(
      #"TYPE=="CEX[78*", HOST=="[[:digit:]]", LPAR=="[z-a]", RESERVE="host""#,
      #"""
      f:1:11: error: this bracket is not closed; to match the character [, write [[] [unclosed-bracket]
        TYPE=="CEX[78*", HOST=="[[:digit:]]", LPAR=="[z-a]", RESERVE="host"
                  ^
      f:1:26: error: named character classes are not supported; list the characters, as in [0-9a-f] [character-class]
        TYPE=="CEX[78*", HOST=="[[:digit:]]", LPAR=="[z-a]", RESERVE="host"
                                 ^^
      f:1:47: error: the first character of the range comes after the last [reversed-range]
        TYPE=="CEX[78*", HOST=="[[:digit:]]", LPAR=="[z-a]", RESERVE="host"
                                                      ^^^
      """#),
    DiagnosticRow(
      #"RESERVE="vfio-ap", COLLATERAL="yes""#,
      #"""
      f:1:10: error: unknown value "vfio-ap" of RESERVE; write "vfio_ap", "host" or "unmanaged" [unknown-value]
        RESERVE="vfio-ap", COLLATERAL="yes"
                 ^^^^^^^
        write: vfio_ap
      f:1:32: error: unknown value "yes" of COLLATERAL; write "refuse" or "accept" [unknown-value]
        RESERVE="vfio-ap", COLLATERAL="yes"
                                       ^^^
        write: accept
      """#),
    DiagnosticRow(
      #"NAME="ö", RESERVE="hst""#,
      #"""
      f:1:20: error: unknown value "hst" of RESERVE; write "vfio_ap", "host" or "unmanaged" [unknown-value]
        NAME="ö", RESERVE="hst"
                           ^^^
        write: host
      """#),
  ]
}
