extension DiagnosticRow {
  /// Globs that nothing their key can be asked of matches.
  static let globs = [
    DiagnosticRow(
      #"HOST=="", ADAPTER=="5", RESERVE="host""#,
      #"""
      f:1:7: error: HOST has no value; to match everything, remove the clause [empty-value]
        HOST=="", ADAPTER=="5", RESERVE="host"
              ^^
      """#),
    DiagnosticRow(
      #"HOST=="localhost|kvm1", ADAPTER=="5", RESERVE="host""#,
      #"""
      f:1:8: error: "localhost" is not a name, so that the clause is unknown on a host that is called so [never-matches]
        HOST=="localhost|kvm1", ADAPTER=="5", RESERVE="host"
               ^^^^^^^^^
      """#),
    DiagnosticRow(
      #"KERNEL=="5.4|0A.0004|5|05.00100", RESERVE="host""#,
      #"""
      f:1:10: error: no queue name matches "5.4"; a queue name is adapter and domain as in sysfs, such as 05.0004 [never-matches]
        KERNEL=="5.4|0A.0004|5|05.00100", RESERVE="host"
                 ^^^
        write: 05.0004
      f:1:14: error: no queue name matches "0A.0004"; a queue name is adapter and domain as in sysfs, such as 05.0004 [never-matches]
        KERNEL=="5.4|0A.0004|5|05.00100", RESERVE="host"
                     ^^^^^^^
        write: 0a.0004
      f:1:22: error: no queue name matches "5"; a queue name is adapter and domain as in sysfs, such as 05.0004 [never-matches]
        KERNEL=="5.4|0A.0004|5|05.00100", RESERVE="host"
                             ^
        write: 05.*
      f:1:24: error: no queue name matches "05.00100"; a queue name is adapter and domain as in sysfs, such as 05.0004 [never-matches]
        KERNEL=="5.4|0A.0004|5|05.00100", RESERVE="host"
                               ^^^^^^^^
      """#),
    DiagnosticRow(
      #"KERNEL!="05:0004", RESERVE="host""#,
      #"""
      f:1:10: error: no queue name matches "05:0004"; a queue name is adapter and domain as in sysfs, such as 05.0004 [never-matches]
        KERNEL!="05:0004", RESERVE="host"
                 ^^^^^^^
        write: 05.0004
      """#),
    DiagnosticRow(
      #"KERNEL=="05.0004,05.0005", RESERVE="host""#,
      #"""
      f:1:10: error: alternatives are separated by |, not by a comma [comma-in-value]
        KERNEL=="05.0004,05.0005", RESERVE="host"
                 ^^^^^^^^^^^^^^^
        write: 05.0004|05.0005
      """#),
    DiagnosticRow(
      #"KERNEL=="05.0004 | 05.0005", RESERVE="host""#,
      #"""
      f:1:10: error: the value of KERNEL cannot have blanks [blank-in-value]
        KERNEL=="05.0004 | 05.0005", RESERVE="host"
                 ^^^^^^^^^^^^^^^^^
        write: 05.0004|05.0005
      """#),
    DiagnosticRow(
      #"TYPE=="CEX9C|CEX10C", RESERVE="host""#,
      #"""
      f:1:8: error: no card type matches "CEX9C"; known types are CEX2 to CEX8; to match newer hardware, use HWTYPE=="14-" [impossible-type]
        TYPE=="CEX9C|CEX10C", RESERVE="host"
               ^^^^^
      f:1:14: error: no card type matches "CEX10C"; known types are CEX2 to CEX8; to match newer hardware, use HWTYPE=="14-" [impossible-type]
        TYPE=="CEX9C|CEX10C", RESERVE="host"
                     ^^^^^^
      """#),
    DiagnosticRow(
      #"TYPE=="cex7c", RESERVE="host""#,
      #"""
      f:1:8: error: no card type matches "cex7c"; types are written in capital letters [impossible-type]
        TYPE=="cex7c", RESERVE="host"
               ^^^^^
        write: CEX7C
      """#),
    DiagnosticRow(
      #"TYPE=="CEX7|CEX7S", RESERVE="host""#,
      #"""
      f:1:8: error: no card type matches "CEX7"; a type is CEX2 to CEX8 followed by the letter of the mode: A (accelerator), C (CCA) or P (EP11) [impossible-type]
        TYPE=="CEX7|CEX7S", RESERVE="host"
               ^^^^
        write: CEX7*
      f:1:13: error: no card type matches "CEX7S"; a type is CEX2 to CEX8 followed by the letter of the mode: A (accelerator), C (CCA) or P (EP11) [impossible-type]
        TYPE=="CEX7|CEX7S", RESERVE="host"
                    ^^^^^
        write: CEX7*
      """#),
    DiagnosticRow(
      #"TYPE=="CEX3P|13|Crypto*", RESERVE="host""#,
      #"""
      f:1:8: error: no card type matches "CEX3P"; EP11 exists since CEX4; CEX2 and CEX3 have only A and C [impossible-type]
        TYPE=="CEX3P|13|Crypto*", RESERVE="host"
               ^^^^^
      f:1:14: error: no card type matches "13"; to match the number of a type, use HWTYPE [impossible-type]
        TYPE=="CEX3P|13|Crypto*", RESERVE="host"
                     ^^
      f:1:17: error: no card type matches "Crypto*"; a type is CEX2 to CEX8 followed by the letter of the mode: A (accelerator), C (CCA) or P (EP11) [impossible-type]
        TYPE=="CEX3P|13|Crypto*", RESERVE="host"
                        ^^^^^^^
      """#),
    DiagnosticRow(
      #"TYPE!="CEX8X", RESERVE="host""#,
      #"""
      f:1:8: error: no card type matches "CEX8X"; a type is CEX2 to CEX8 followed by the letter of the mode: A (accelerator), C (CCA) or P (EP11) [impossible-type]
        TYPE!="CEX8X", RESERVE="host"
               ^^^^^
        write: CEX8*
      """#),
    DiagnosticRow(
      #"TYPE=="CEX7C,CEX8C", RESERVE="host""#,
      #"""
      f:1:8: error: alternatives are separated by |, not by a comma [comma-in-value]
        TYPE=="CEX7C,CEX8C", RESERVE="host"
               ^^^^^^^^^^^
        write: CEX7C|CEX8C
      """#),
    DiagnosticRow(
      #"HOST=="lnx01, lnx02", RESERVE="host""#,
      #"""
      f:1:8: error: alternatives are separated by |, not by a comma [comma-in-value]
        HOST=="lnx01, lnx02", RESERVE="host"
               ^^^^^^^^^^^^
        write: lnx01|lnx02
      """#),
    DiagnosticRow(
      #"LPAR=="PRODUCTION|PROD*", RESERVE="host""#,
      #"""
      f:1:8: error: an LPAR name has at most 8 characters, but this matches only 10 or more [never-matches]
        LPAR=="PRODUCTION|PROD*", RESERVE="host"
               ^^^^^^^^^^
      """#),
    DiagnosticRow(
      #"HOST=="hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh", RESERVE="host""#,
      #"""
      f:1:8: error: a host name has at most 64 characters, but this matches only 65 or more [never-matches]
        HOST=="hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh", RESERVE="host"
               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      """#),
    DiagnosticRow(
      #"CARD{raw_hwtype}=="0x0d", CARD{max_msg_size}=="12k", RESERVE="host""#,
      #"""
      f:1:20: error: raw_hwtype is a decimal number [never-matches]
        CARD{raw_hwtype}=="0x0d", CARD{max_msg_size}=="12k", RESERVE="host"
                           ^^^^
        write: 13
      f:1:48: error: max_msg_size is a decimal number [never-matches]
        CARD{raw_hwtype}=="0x0d", CARD{max_msg_size}=="12k", RESERVE="host"
                                                       ^^^
      """#),
    DiagnosticRow(
      #"GUEST=="5D8C0F2A-31F6-4C1B-9A57-0C4D0A8D2B11", GUEST{start}=="automatic", RESERVE="host""#,
      #"""
      f:1:9: error: the UUIDs of guests are compared in lower case [never-matches]
        GUEST=="5D8C0F2A-31F6-4C1B-9A57-0C4D0A8D2B11", GUEST{start}=="automatic", RESERVE="host"
                ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        write: 5d8c0f2a-31f6-4c1b-9a57-0c4d0a8d2b11
      f:1:63: error: a mediated device starts "auto" or "manual" [never-matches]
        GUEST=="5D8C0F2A-31F6-4C1B-9A57-0C4D0A8D2B11", GUEST{start}=="automatic", RESERVE="host"
                                                                      ^^^^^^^^^
      """#),
    DiagnosticRow(
      #"MKVP{aes}=="12ab|0x00000000000000Ab|0x12|0x00000000000000012|0x12*345678901234567", RESERVE="host""#,
      #"""
      f:1:13: error: a verification pattern begins with 0x, as mkvps shows it [never-matches]
        MKVP{aes}=="12ab|0x00000000000000Ab|0x12|0x00000000000000012|0x12*345678901234567", RESERVE="host"
                    ^^^^
        write: 0x12ab
      f:1:18: error: verification patterns are compared in lower case, as mkvps shows them [never-matches]
        MKVP{aes}=="12ab|0x00000000000000Ab|0x12|0x00000000000000012|0x12*345678901234567", RESERVE="host"
                         ^^^^^^^^^^^^^^^^^^
        write: 0x00000000000000ab
      f:1:37: error: a verification pattern of AES has 16 digits [never-matches]
        MKVP{aes}=="12ab|0x00000000000000Ab|0x12|0x00000000000000012|0x12*345678901234567", RESERVE="host"
                                            ^^^^
        write: 0x0000000000000012
      f:1:42: error: a verification pattern of AES has 16 digits, and this matches only 17 [never-matches]
        MKVP{aes}=="12ab|0x00000000000000Ab|0x12|0x00000000000000012|0x12*345678901234567", RESERVE="host"
                                                 ^^^^^^^^^^^^^^^^^^^
      f:1:62: error: a verification pattern of AES has 16 digits, and this matches only longer ones [never-matches]
        MKVP{aes}=="12ab|0x00000000000000Ab|0x12|0x00000000000000012|0x12*345678901234567", RESERVE="host"
                                                                     ^^^^^^^^^^^^^^^^^^^^
      """#),
    DiagnosticRow(
      #"MKVP{ep11}=="0x00112233445566778899aabbccddeeff|0xfish", RESERVE="host""#,
      #"""
      f:1:14: error: mkvps shows 64 digits of the verification pattern of a wrapping key; write * after the first ones [never-matches]
        MKVP{ep11}=="0x00112233445566778899aabbccddeeff|0xfish", RESERVE="host"
                     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        write: 0x00112233445566778899aabbccddeeff*
      f:1:49: error: a verification pattern is 0x and 64 hex digits; "0xfish" is none [never-matches]
        MKVP{ep11}=="0x00112233445566778899aabbccddeeff|0xfish", RESERVE="host"
                                                        ^^^^^^
      """#),
    DiagnosticRow(
      #"CARD{FW_version}=="v6*", RESERVE="host""#,
      #"""
      f:1:20: error: FW_version is two numbers separated by a dot, such as 6.19 [never-matches]
        CARD{FW_version}=="v6*", RESERVE="host"
                           ^^^
      """#),
  ]
}
