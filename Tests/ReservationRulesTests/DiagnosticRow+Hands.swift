extension DiagnosticRow {
  /// What hands do that have written other languages, and what they do not see.
  static let hands = [
    DiagnosticRow(
      #"ADAPTER=="5","6", RESERVE="host""#,
      #"""
      f:1:10: error: alternatives stand in one pair of quotes, divided by | [comma-in-value]
        ADAPTER=="5","6", RESERVE="host"
                 ^^^^^^^
        write: "5|6"
      """#),
    DiagnosticRow(
      #"ADAPTER=="5" "6" "7", RESERVE="host""#,
      #"""
      f:1:10: error: alternatives stand in one pair of quotes, divided by | [comma-in-value]
        ADAPTER=="5" "6" "7", RESERVE="host"
                 ^^^^^^^^^^^
        write: "5|6|7"
      """#),
    DiagnosticRow(
      #"ADAPTER=="5", "x"#,
      #"""
      f:1:15: error: the quote that begins here is not closed [unclosed-quote]
        ADAPTER=="5", "x
                      ^
      """#),
    DiagnosticRow(
      #"ADAPTER=="5"\#u{a0}, RESERVE="host""#,
      #"""
      f:1:13: error: here is U+00A0, a character that is not the blank it looks like; remove it, or type a blank [invisible-character]
        ADAPTER=="5"�, RESERVE="host"
                    ^
      """#),
    DiagnosticRow(
      #"\#u{a0}ADAPTER=="5", RESERVE="host""#,
      #"""
      f:1:1: error: here is U+00A0, a character that is not the blank it looks like; remove it, or type a blank [invisible-character]
        �ADAPTER=="5", RESERVE="host"
        ^
      """#),
    DiagnosticRow(
      #"HOST=="lnx\#u{200b}01", RESERVE="host""#,
      #"""
      f:1:11: error: here is U+200B, a character that is not the blank it looks like; remove it, or type a blank [invisible-character]
        HOST=="lnx�01", RESERVE="host"
                  ^
      """#),
    DiagnosticRow(
      #"APQN=="*", RESERVE="host", NAME="a\#u{a0}b"\#r\#nADAPTER=="10", RESERVE="host"\#r\#n"#,
      #"""
      f:1:38: warning: the lines of the file end with CR LF; they are read, but save the file with LF alone [carriage-return]
        APQN=="*", RESERVE="host", NAME="a�b"
                                             ^
      f:2:11: error: "10" can be decimal, as on the HMC, or hexadecimal, as in sysfs; from ten on write 0x [ambiguous-number]
        ADAPTER=="10", RESERVE="host"
                  ^^
        write: 0x0a or 0x10
      """#),
    DiagnosticRow(
      #"ADAPTER=="5"\#rRESERVE="host""#,
      #"""
      f:1:13: error: a carriage return at offset 12 of the file, in the middle of a line; end lines with a line feed [control-character]
        ADAPTER=="5"�RESERVE="host"
                    ^
      """#),
    DiagnosticRow(
      #"ADAPTER=="-", HWTYPE=="-", APQN=="-.*", RESERVE="host""#,
      #"""
      f:1:11: error: a range needs its beginning and its end, as 4-9 [open-range]
        ADAPTER=="-", HWTYPE=="-", APQN=="-.*", RESERVE="host"
                  ^
      f:1:24: error: a range needs its beginning and its end, as 4-9 [open-range]
        ADAPTER=="-", HWTYPE=="-", APQN=="-.*", RESERVE="host"
                               ^
      f:1:35: error: a range in an APQN needs its beginning and its end [open-range]
        ADAPTER=="-", HWTYPE=="-", APQN=="-.*", RESERVE="host"
                                          ^
      """#),
    DiagnosticRow(
      #"APQN=="05,0004", RESERVE="host""#,
      #"""
      f:1:8: error: between adapter and domain stands a dot [invalid-apqn]
        APQN=="05,0004", RESERVE="host"
               ^^^^^^^
        write: 05.0004
      """#),
    DiagnosticRow(
      #"APQN=="05:4|0x05.0004|05.47|005.0004|zz.0004", RESERVE="host""#,
      #"""
      f:1:8: error: "05:4" is no APQN; write adapter.domain as sysfs does, as 05.0004 [invalid-apqn]
        APQN=="05:4|0x05.0004|05.47|005.0004|zz.0004", RESERVE="host"
               ^^^^
        write: 05.0004
      f:1:13: error: an APQN is written as in sysfs, hexadecimal without 0x [prefix-in-apqn]
        APQN=="05:4|0x05.0004|05.47|005.0004|zz.0004", RESERVE="host"
                    ^^^^
        write: 05
      f:1:26: error: "47" is too short: a domain has 4 digits, as in 05.0004 [apqn-width]
        APQN=="05:4|0x05.0004|05.47|005.0004|zz.0004", RESERVE="host"
                                 ^^
        write: 0047
      f:1:29: error: "005" is too long: an adapter has 2 digits, as in 05.0004 [apqn-width]
        APQN=="05:4|0x05.0004|05.47|005.0004|zz.0004", RESERVE="host"
                                    ^^^
        write: 05
      f:1:38: error: "zz" is not an adapter as sysfs prints it, 2 hexadecimal digits [invalid-apqn]
        APQN=="05:4|0x05.0004|05.47|005.0004|zz.0004", RESERVE="host"
                                             ^^
      """#),
    DiagnosticRow(
      #"RESERVE="guest""#,
      #"""
      f:1:10: error: "guest" is no value of RESERVE; write "vfio_ap", "host" or "unmanaged" [unknown-value]
        RESERVE="guest"
                 ^^^^^
        write: vfio_ap
      """#),
    DiagnosticRow(
      #"RESERVE="cex4queue", COLLATERAL="no""#,
      #"""
      f:1:10: error: "cex4queue" is no value of RESERVE; write "vfio_ap", "host" or "unmanaged" [unknown-value]
        RESERVE="cex4queue", COLLATERAL="no"
                 ^^^^^^^^^
        write: host
      f:1:34: error: "no" is no value of COLLATERAL; write "refuse" or "accept" [unknown-value]
        RESERVE="cex4queue", COLLATERAL="no"
                                         ^^
        write: refuse
      """#),
    DiagnosticRow(
      #"MODE=="CCA-Coproc|EP11-Coproc|Accelerator", RESERVE="host""#,
      #"""
      f:1:8: error: "CCA-Coproc" is no mode; the modes are "accel", "cca" or "ep11" [unknown-mode]
        MODE=="CCA-Coproc|EP11-Coproc|Accelerator", RESERVE="host"
               ^^^^^^^^^^
        write: cca
      f:1:19: error: "EP11-Coproc" is no mode; the modes are "accel", "cca" or "ep11" [unknown-mode]
        MODE=="CCA-Coproc|EP11-Coproc|Accelerator", RESERVE="host"
                          ^^^^^^^^^^^
        write: ep11
      f:1:31: error: "Accelerator" is no mode; the modes are "accel", "cca" or "ep11" [unknown-mode]
        MODE=="CCA-Coproc|EP11-Coproc|Accelerator", RESERVE="host"
                                      ^^^^^^^^^^^
        write: accel
      """#),
    DiagnosticRow(
      #"KERNELS=="05.0004", SUBSYSTEM=="ap", RESERVE="host""#,
      #"""
      f:1:1: error: a queue has no parents to search; ask ADAPTER for its card [refused-key]
        KERNELS=="05.0004", SUBSYSTEM=="ap", RESERVE="host"
        ^^^^^^^
      f:1:21: error: every rule is about AP queues; leave SUBSYSTEM out [refused-key]
        KERNELS=="05.0004", SUBSYSTEM=="ap", RESERVE="host"
                            ^^^^^^^^^
      """#),
    DiagnosticRow(
      #"CARD{depth}=="8", CARD{se_bind}=="bound", RESERVE="host""#,
      #"""
      f:1:6: error: "depth" is no attribute that rules can ask of a card; those are API_ordinalnr, FW_version, max_msg_size, raw_hwtype, serialnr [unknown-attribute]
        CARD{depth}=="8", CARD{se_bind}=="bound", RESERVE="host"
             ^^^^^
      f:1:19: error: se_bind changes while the machine runs, and a reservation must outlast that; ask what stays: ADAPTER, HWTYPE or CARD{serialnr} [refused-attribute]
        CARD{depth}=="8", CARD{se_bind}=="bound", RESERVE="host"
                          ^^^^^^^^^^^^^
      """#),
    DiagnosticRow(
      #"PROGRAM=="/bin/true", LABEL="end", SYMLINK+="x", RESERVE="host""#,
      #"""
      f:1:1: error: rules run no programs and test no files; leave PROGRAM out [refused-key]
        PROGRAM=="/bin/true", LABEL="end", SYMLINK+="x", RESERVE="host"
        ^^^^^^^
      f:1:23: error: rules have no jumps; repeat the clauses in each rule, the last matching one wins [refused-key]
        PROGRAM=="/bin/true", LABEL="end", SYMLINK+="x", RESERVE="host"
                              ^^^^^
      f:1:36: error: a queue has no device node, and udev's SYMLINK no meaning here; leave it out [refused-key]
        PROGRAM=="/bin/true", LABEL="end", SYMLINK+="x", RESERVE="host"
                                           ^^^^^^^
      """#),
    DiagnosticRow(
      #"adapter=="5", Reserve="host""#,
      #"""
      f:1:1: error: keys are written in capitals [key-case]
        adapter=="5", Reserve="host"
        ^^^^^^^
        write: ADAPTER
      f:1:15: error: keys are written in capitals [key-case]
        adapter=="5", Reserve="host"
                      ^^^^^^^
        write: RESERVE
      """#),
    DiagnosticRow(
      #"IMPORT{program}="/bin/x", DRIVER!="vfio_ap", RESERVE="host""#,
      #"""
      f:1:1: error: rules import nothing; ask the card with CARD{attribute}, the host with HOST or LPAR [refused-key]
        IMPORT{program}="/bin/x", DRIVER!="vfio_ap", RESERVE="host"
        ^^^^^^^^^^^^^^^
      f:1:27: error: the driver is what a rule decides; leave DRIVER out and assign RESERVE [refused-key]
        IMPORT{program}="/bin/x", DRIVER!="vfio_ap", RESERVE="host"
                                  ^^^^^^
      """#),
  ]
}
