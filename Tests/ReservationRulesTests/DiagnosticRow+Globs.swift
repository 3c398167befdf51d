extension DiagnosticRow {
  /// Globs that nothing their key can be asked of matches.
  static let globs = [
    DiagnosticRow(
      #"KERNEL=="5.4|0A.0004|5|05.00100", RESERVE="host""#,
      #"""
      f:1:10: error: no queue's name matches "5.4"; a name is adapter and domain as sysfs prints them, as 05.0004 [never-matches]
        KERNEL=="5.4|0A.0004|5|05.00100", RESERVE="host"
                 ^^^
        write: 05.0004
      f:1:14: error: no queue's name matches "0A.0004"; a name is adapter and domain as sysfs prints them, as 05.0004 [never-matches]
        KERNEL=="5.4|0A.0004|5|05.00100", RESERVE="host"
                     ^^^^^^^
        write: 0a.0004
      f:1:22: error: no queue's name matches "5"; a name is adapter and domain as sysfs prints them, as 05.0004 [never-matches]
        KERNEL=="5.4|0A.0004|5|05.00100", RESERVE="host"
                             ^
        write: 05.*
      f:1:24: error: no queue's name matches "05.00100"; a name is adapter and domain as sysfs prints them, as 05.0004 [never-matches]
        KERNEL=="5.4|0A.0004|5|05.00100", RESERVE="host"
                               ^^^^^^^^
      """#),
    DiagnosticRow(
      #"KERNEL!="05:0004", RESERVE="host""#,
      #"""
      f:1:10: error: no queue's name matches "05:0004"; a name is adapter and domain as sysfs prints them, as 05.0004 [never-matches]
        KERNEL!="05:0004", RESERVE="host"
                 ^^^^^^^
        write: 05.0004
      """#),
    DiagnosticRow(
      #"KERNEL=="05.0004,05.0005", RESERVE="host""#,
      #"""
      f:1:10: error: alternatives are divided by |, not by a comma [comma-in-value]
        KERNEL=="05.0004,05.0005", RESERVE="host"
                 ^^^^^^^^^^^^^^^
        write: 05.0004|05.0005
      """#),
    DiagnosticRow(
      #"KERNEL=="05.0004 | 05.0005", RESERVE="host""#,
      #"""
      f:1:10: error: the value of KERNEL has no blanks [blank-in-value]
        KERNEL=="05.0004 | 05.0005", RESERVE="host"
                 ^^^^^^^^^^^^^^^^^
        write: 05.0004|05.0005
      """#),
    DiagnosticRow(
      #"TYPE=="CEX9C|CEX10C", RESERVE="host""#,
      #"""
      f:1:8: error: no card's type matches "CEX9C"; products are CEX2 to CEX8; newer hardware is asked as HWTYPE=="14-" [impossible-type]
        TYPE=="CEX9C|CEX10C", RESERVE="host"
               ^^^^^
      f:1:14: error: no card's type matches "CEX10C"; products are CEX2 to CEX8; newer hardware is asked as HWTYPE=="14-" [impossible-type]
        TYPE=="CEX9C|CEX10C", RESERVE="host"
                     ^^^^^^
      """#),
    DiagnosticRow(
      #"TYPE=="cex7c", RESERVE="host""#,
      #"""
      f:1:8: error: no card's type matches "cex7c"; types are written in capitals [impossible-type]
        TYPE=="cex7c", RESERVE="host"
               ^^^^^
        write: CEX7C
      """#),
    DiagnosticRow(
      #"TYPE=="CEX7|CEX7S", RESERVE="host""#,
      #"""
      f:1:8: error: no card's type matches "CEX7"; a type is a product, CEX2 to CEX8, and its mode's letter: A (accelerator), C (CCA) or P (EP11) [impossible-type]
        TYPE=="CEX7|CEX7S", RESERVE="host"
               ^^^^
        write: CEX7*
      f:1:13: error: no card's type matches "CEX7S"; a type is a product, CEX2 to CEX8, and its mode's letter: A (accelerator), C (CCA) or P (EP11) [impossible-type]
        TYPE=="CEX7|CEX7S", RESERVE="host"
                    ^^^^^
        write: CEX7*
      """#),
    DiagnosticRow(
      #"TYPE=="CEX3P|13|Crypto*", RESERVE="host""#,
      #"""
      f:1:8: error: no card's type matches "CEX3P"; EP11 came with CEX4, so that CEX2 and CEX3 have only A and C [impossible-type]
        TYPE=="CEX3P|13|Crypto*", RESERVE="host"
               ^^^^^
      f:1:14: error: no card's type matches "13"; the number of a type is asked as HWTYPE [impossible-type]
        TYPE=="CEX3P|13|Crypto*", RESERVE="host"
                     ^^
      f:1:17: error: no card's type matches "Crypto*"; a type is a product, CEX2 to CEX8, and its mode's letter: A (accelerator), C (CCA) or P (EP11) [impossible-type]
        TYPE=="CEX3P|13|Crypto*", RESERVE="host"
                        ^^^^^^^
      """#),
    DiagnosticRow(
      #"TYPE!="CEX8X", RESERVE="host""#,
      #"""
      f:1:8: error: no card's type matches "CEX8X"; a type is a product, CEX2 to CEX8, and its mode's letter: A (accelerator), C (CCA) or P (EP11) [impossible-type]
        TYPE!="CEX8X", RESERVE="host"
               ^^^^^
        write: CEX8*
      """#),
    DiagnosticRow(
      #"TYPE=="CEX7C,CEX8C", RESERVE="host""#,
      #"""
      f:1:8: error: alternatives are divided by |, not by a comma [comma-in-value]
        TYPE=="CEX7C,CEX8C", RESERVE="host"
               ^^^^^^^^^^^
        write: CEX7C|CEX8C
      """#),
    DiagnosticRow(
      #"HOST=="lnx01, lnx02", RESERVE="host""#,
      #"""
      f:1:8: error: alternatives are divided by |, not by a comma [comma-in-value]
        HOST=="lnx01, lnx02", RESERVE="host"
               ^^^^^^^^^^^^
        write: lnx01|lnx02
      """#),
    DiagnosticRow(
      #"LPAR=="PRODUCTION|PROD*", RESERVE="host""#,
      #"""
      f:1:8: error: an LPAR's name has at most 8 characters, and this asks for 10 or more [never-matches]
        LPAR=="PRODUCTION|PROD*", RESERVE="host"
               ^^^^^^^^^^
      """#),
    DiagnosticRow(
      #"HOST=="hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh", RESERVE="host""#,
      #"""
      f:1:8: error: a host's name has at most 64 characters, and this asks for 65 or more [never-matches]
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
      #"CARD{FW_version}=="v6*", RESERVE="host""#,
      #"""
      f:1:20: error: FW_version is two numbers with a dot between them, as 6.19 [never-matches]
        CARD{FW_version}=="v6*", RESERVE="host"
                           ^^^
      """#),
  ]
}
