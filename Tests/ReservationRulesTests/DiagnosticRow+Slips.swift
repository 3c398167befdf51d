extension DiagnosticRow {
  /// Mistakes of people used to other notations, and characters that nobody sees.
  static let slips = [
    DiagnosticRow(
      """

        {
          "apreserve": "snapshot",
          "cards": []
        }
      """,
      #"""
      f:2:3: error: this is JSON, not a rule file; a description of a machine is given with --inventory [unexpected-text]
          {
          ^
      """#),
    DiagnosticRow(
      #"ADAPTER=="5","6", RESERVE="host""#,
      #"""
      f:1:10: error: alternatives are written in one pair of quotes, separated by | [comma-in-value]
        ADAPTER=="5","6", RESERVE="host"
                 ^^^^^^^
        write: "5|6"
      """#),
    DiagnosticRow(
      #"ADAPTER=="5" "6" "7", RESERVE="host""#,
      #"""
      f:1:10: error: alternatives are written in one pair of quotes, separated by | [comma-in-value]
        ADAPTER=="5" "6" "7", RESERVE="host"
                 ^^^^^^^^^^^
        write: "5|6|7"
      """#),
    DiagnosticRow(
      #"ADAPTER=="5", "x"#,
      #"""
      f:1:15: error: this quote is not closed [unclosed-quote]
        ADAPTER=="5", "x
                      ^
      """#),
    DiagnosticRow(
      #"ADAPTER=="5"\#u{a0}, RESERVE="host""#,
      #"""
      f:1:13: error: U+00A0 is invisible or looks like a blank; remove it, or type a blank [invisible-character]
        ADAPTER=="5"�, RESERVE="host"
                    ^
      """#),
    DiagnosticRow(
      #"\#u{a0}ADAPTER=="5", RESERVE="host""#,
      #"""
      f:1:1: error: U+00A0 is invisible or looks like a blank; remove it, or type a blank [invisible-character]
        �ADAPTER=="5", RESERVE="host"
        ^
      """#),
    DiagnosticRow(
      #"HOST=="lnx\#u{200b}01", RESERVE="host""#,
      #"""
      f:1:11: error: U+200B is invisible or looks like a blank; remove it, or type a blank [invisible-character]
        HOST=="lnx�01", RESERVE="host"
                  ^
      """#),
    DiagnosticRow(
      #"APQN=="*", RESERVE="host", NAME="a\#u{a0}b"\#r\#nADAPTER=="10", RESERVE="host"\#r\#n"#,
      #"""
      f:1:38: warning: the lines of the file end with CR LF; they are read, but save the file with LF only [carriage-return]
        APQN=="*", RESERVE="host", NAME="a�b"
                                             ^
      f:2:11: error: "10" can be decimal as on the HMC (0x0a) or hexadecimal as in sysfs (0x10); from ten on, write numbers with 0x [ambiguous-number]
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
      f:1:11: error: a range needs a first and a last number, as in 4-9 [open-range]
        ADAPTER=="-", HWTYPE=="-", APQN=="-.*", RESERVE="host"
                  ^
      f:1:24: error: a range needs a first and a last number, as in 4-9 [open-range]
        ADAPTER=="-", HWTYPE=="-", APQN=="-.*", RESERVE="host"
                               ^
      f:1:35: error: a range in an APQN needs a first and a last number [open-range]
        ADAPTER=="-", HWTYPE=="-", APQN=="-.*", RESERVE="host"
                                          ^
      """#),
    DiagnosticRow(
      #"APQN=="05,0004", RESERVE="host""#,
      #"""
      f:1:8: error: adapter and domain are separated by a dot [invalid-apqn]
        APQN=="05,0004", RESERVE="host"
               ^^^^^^^
        write: 05.0004
      """#),
    DiagnosticRow(
      #"APQN=="05:4|0x05.0004|05.47|005.0004|zz.0004", RESERVE="host""#,
      #"""
      f:1:8: error: "05:4" is not an APQN; write adapter.domain as in sysfs, such as 05.0004 [invalid-apqn]
        APQN=="05:4|0x05.0004|05.47|005.0004|zz.0004", RESERVE="host"
               ^^^^
        write: 05.0004
      f:1:13: error: an APQN is hexadecimal without 0x, as in sysfs [prefix-in-apqn]
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
      f:1:38: error: "zz" is not an adapter as in sysfs, 2 hexadecimal digits [invalid-apqn]
        APQN=="05:4|0x05.0004|05.47|005.0004|zz.0004", RESERVE="host"
                                             ^^
      """#),
    DiagnosticRow(
      #"RESERVE="guest""#,
      #"""
      f:1:10: error: unknown value "guest" of RESERVE; write "vfio_ap", "host" or "unmanaged" [unknown-value]
        RESERVE="guest"
                 ^^^^^
        write: vfio_ap
      """#),
    DiagnosticRow(
      #"RESERVE="cex4queue", COLLATERAL="no""#,
      #"""
      f:1:10: error: unknown value "cex4queue" of RESERVE; write "vfio_ap", "host" or "unmanaged" [unknown-value]
        RESERVE="cex4queue", COLLATERAL="no"
                 ^^^^^^^^^
        write: host
      f:1:34: error: unknown value "no" of COLLATERAL; write "refuse" or "accept" [unknown-value]
        RESERVE="cex4queue", COLLATERAL="no"
                                         ^^
        write: refuse
      """#),
    DiagnosticRow(
      #"MODE=="CCA-Coproc|EP11-Coproc|Accelerator", RESERVE="host""#,
      #"""
      f:1:8: error: unknown mode "CCA-Coproc"; the modes are accel, cca, ep11 [unknown-mode]
        MODE=="CCA-Coproc|EP11-Coproc|Accelerator", RESERVE="host"
               ^^^^^^^^^^
        write: cca
      f:1:19: error: unknown mode "EP11-Coproc"; the modes are accel, cca, ep11 [unknown-mode]
        MODE=="CCA-Coproc|EP11-Coproc|Accelerator", RESERVE="host"
                          ^^^^^^^^^^^
        write: ep11
      f:1:31: error: unknown mode "Accelerator"; the modes are accel, cca, ep11 [unknown-mode]
        MODE=="CCA-Coproc|EP11-Coproc|Accelerator", RESERVE="host"
                                      ^^^^^^^^^^^
        write: accel
      """#),
    DiagnosticRow(
      #"KERNELS=="05.0004", SUBSYSTEM=="ap", RESERVE="host""#,
      #"""
      f:1:1: error: the parents of a queue cannot be matched; match its card with ADAPTER [refused-key]
        KERNELS=="05.0004", SUBSYSTEM=="ap", RESERVE="host"
        ^^^^^^^
      f:1:21: error: every rule is about AP queues; remove SUBSYSTEM [refused-key]
        KERNELS=="05.0004", SUBSYSTEM=="ap", RESERVE="host"
                            ^^^^^^^^^
      """#),
    DiagnosticRow(
      #"CARD{depth}=="8", CARD{se_bind}=="bound", RESERVE="host""#,
      #"""
      f:1:6: error: unknown attribute "depth" of CARD; the attributes are API_ordinalnr, FW_version, max_msg_size, raw_hwtype, serialnr [unknown-attribute]
        CARD{depth}=="8", CARD{se_bind}=="bound", RESERVE="host"
             ^^^^^
      f:1:19: error: se_bind changes while the machine runs, but a reservation must last; match something lasting: ADAPTER, HWTYPE or CARD{serialnr} [refused-attribute]
        CARD{depth}=="8", CARD{se_bind}=="bound", RESERVE="host"
                          ^^^^^^^^^^^^^
      """#),
    DiagnosticRow(
      #"PROGRAM=="/bin/true", LABEL="end", SYMLINK+="x", RESERVE="host""#,
      #"""
      f:1:1: error: rules cannot run programs or test files; remove PROGRAM [refused-key]
        PROGRAM=="/bin/true", LABEL="end", SYMLINK+="x", RESERVE="host"
        ^^^^^^^
      f:1:23: error: rules have no jumps; repeat the clauses in each rule, of which the last that matches wins [refused-key]
        PROGRAM=="/bin/true", LABEL="end", SYMLINK+="x", RESERVE="host"
                              ^^^^^
      f:1:36: error: a queue has no device node, so SYMLINK does not apply; remove it [refused-key]
        PROGRAM=="/bin/true", LABEL="end", SYMLINK+="x", RESERVE="host"
                                           ^^^^^^^
      """#),
    DiagnosticRow(
      #"adapter=="5", Reserve="host""#,
      #"""
      f:1:1: error: keys are written in capital letters [key-case]
        adapter=="5", Reserve="host"
        ^^^^^^^
        write: ADAPTER
      f:1:15: error: keys are written in capital letters [key-case]
        adapter=="5", Reserve="host"
                      ^^^^^^^
        write: RESERVE
      """#),
    DiagnosticRow(
      #"IMPORT{program}="/bin/x", DRIVER!="vfio_ap", RESERVE="host""#,
      #"""
      f:1:1: error: rules cannot import properties; match the card with CARD{attribute}, the host with HOST or LPAR [refused-key]
        IMPORT{program}="/bin/x", DRIVER!="vfio_ap", RESERVE="host"
        ^^^^^^^^^^^^^^^
      f:1:27: error: the driver is what rules decide; remove DRIVER and assign RESERVE [refused-key]
        IMPORT{program}="/bin/x", DRIVER!="vfio_ap", RESERVE="host"
                                  ^^^^^^
      """#),
  ]
}
