import ReservationRules

extension DiagnosticRow {
  private static let matchKeys = MatchKey.all.map(\.name).joined(separator: ", ")

  /// Keys, attributes, operators, and rules as a whole.
  static let keys = [
    DiagnosticRow(
      #"RESERV="host""#,
      #"""
      f:1:1: error: unknown key "RESERV"; did you mean "RESERVE"? [unknown-key]
        RESERV="host"
        ^^^^^^
        write: RESERVE
      """#),
    DiagnosticRow(
      #"FOO=="1", RESERVE="host""#,
      #"""
      f:1:1: error: unknown key "FOO"; the keys are \#(matchKeys), RESERVE, NAME, COLLATERAL, EXPECT_MKVP [unknown-key]
        FOO=="1", RESERVE="host"
        ^^^
      """#),
    DiagnosticRow(
      #"adapter=="1", RESERVE="host""#,
      #"""
      f:1:1: error: keys are written in capital letters [key-case]
        adapter=="1", RESERVE="host"
        ^^^^^^^
        write: ADAPTER
      """#),
    DiagnosticRow(
      #"GUEST{uuid}=="*", GUEST{start}="auto", GUEST{state}=="x", GUEST{}=="y", RESERVE="host""#,
      #"""
      f:1:1: error: the name or UUID of a guest is matched with GUEST alone [refused-attribute]
        GUEST{uuid}=="*", GUEST{start}="auto", GUEST{state}=="x", GUEST{}=="y", RESERVE="host"
        ^^^^^^^^^^^
        write: GUEST
      f:1:31: error: GUEST can only be matched, not assigned; use == or != [assignment-of-match-key]
        GUEST{uuid}=="*", GUEST{start}="auto", GUEST{state}=="x", GUEST{}=="y", RESERVE="host"
                                      ^
        write: ==
      f:1:46: error: unknown attribute "state" of GUEST; the attributes are start [unknown-attribute]
        GUEST{uuid}=="*", GUEST{start}="auto", GUEST{state}=="x", GUEST{}=="y", RESERVE="host"
                                                     ^^^^^
        write: start
      f:1:59: error: GUEST needs an attribute in braces, one of start [missing-attribute]
        GUEST{uuid}=="*", GUEST{start}="auto", GUEST{state}=="x", GUEST{}=="y", RESERVE="host"
                                                                  ^^^^^^^
      """#),
    DiagnosticRow(
      #"MKVP{AES}=="0x*", MKVP{wk}=="0x*", MKVP{ase}=="0x*", MKVP=="0x*", RESERVE="host""#,
      #"""
      f:1:1: error: the kinds of master keys are written in lower case, {aes} [refused-attribute]
        MKVP{AES}=="0x*", MKVP{wk}=="0x*", MKVP{ase}=="0x*", MKVP=="0x*", RESERVE="host"
        ^^^^^^^^^
      f:1:19: error: the wrapping key of EP11 is written {ep11} [refused-attribute]
        MKVP{AES}=="0x*", MKVP{wk}=="0x*", MKVP{ase}=="0x*", MKVP=="0x*", RESERVE="host"
                          ^^^^^^^^
      f:1:41: error: unknown attribute "ase" of MKVP; the attributes are aes, apka, asym, ep11 [unknown-attribute]
        MKVP{AES}=="0x*", MKVP{wk}=="0x*", MKVP{ase}=="0x*", MKVP=="0x*", RESERVE="host"
                                                ^^^
        write: aes
      f:1:54: error: MKVP needs an attribute in braces, one of aes, apka, asym, ep11 [missing-attribute]
        MKVP{AES}=="0x*", MKVP{wk}=="0x*", MKVP{ase}=="0x*", MKVP=="0x*", RESERVE="host"
                                                             ^^^^
      """#),
    DiagnosticRow(
      #"DOMAIN=="4", RESERVE="host", EXPECT_MKVP{aes}:="0x*", EXPECT_MKVP{aes}=i"0x*", EXPECT_MKVP="0x*""#,
      #"""
      f:1:46: error: EXPECT_MKVP comes from the rule that decides RESERVE; to lock it, write RESERVE:= [lock-only-reserve]
        DOMAIN=="4", RESERVE="host", EXPECT_MKVP{aes}:="0x*", EXPECT_MKVP{aes}=i"0x*", EXPECT_MKVP="0x*"
                                                     ^^
        write: =
      f:1:55: error: EXPECT_MKVP{aes} is assigned twice in one rule [duplicate-assignment]
        DOMAIN=="4", RESERVE="host", EXPECT_MKVP{aes}:="0x*", EXPECT_MKVP{aes}=i"0x*", EXPECT_MKVP="0x*"
                                                              ^^^^^^^^^^^^^^^^^^^^^^^
      f:1:72: error: only a match can ignore case; remove the i [ignored-case-in-assignment]
        DOMAIN=="4", RESERVE="host", EXPECT_MKVP{aes}:="0x*", EXPECT_MKVP{aes}=i"0x*", EXPECT_MKVP="0x*"
                                                                               ^
      f:1:80: error: EXPECT_MKVP needs an attribute in braces, one of aes, apka, asym, ep11 [missing-attribute]
        DOMAIN=="4", RESERVE="host", EXPECT_MKVP{aes}:="0x*", EXPECT_MKVP{aes}=i"0x*", EXPECT_MKVP="0x*"
                                                                                       ^^^^^^^^^^^
      """#),
    DiagnosticRow(
      #"ACTION=="add", RESERVE="host""#,
      #"""
      f:1:1: error: a rule describes a state, not an event; remove ACTION [refused-key]
        ACTION=="add", RESERVE="host"
        ^^^^^^
      """#),
    DiagnosticRow(
      #"DRIVER=="cex4queue", RESERVE="host""#,
      #"""
      f:1:1: error: the driver is what rules decide; remove DRIVER and assign RESERVE [refused-key]
        DRIVER=="cex4queue", RESERVE="host"
        ^^^^^^
      """#),
    DiagnosticRow(
      #"ENV{MODE}=="cca", RESERVE="host""#,
      #"""
      f:1:1: error: rules cannot match event variables; match MODE [refused-key]
        ENV{MODE}=="cca", RESERVE="host"
        ^^^^^^^^^
        write: MODE
      """#),
    DiagnosticRow(
      #"RUN+="/bin/true", GOTO="end", IMPORT{program}="x""#,
      #"""
      f:1:1: error: rules cannot run programs or test files; remove RUN [refused-key]
        RUN+="/bin/true", GOTO="end", IMPORT{program}="x"
        ^^^
      f:1:19: error: rules have no jumps; repeat the clauses in each rule, of which the last that matches wins [refused-key]
        RUN+="/bin/true", GOTO="end", IMPORT{program}="x"
                          ^^^^
      f:1:31: error: rules cannot import properties; match the card with CARD{attribute}, the host with HOST or LPAR [refused-key]
        RUN+="/bin/true", GOTO="end", IMPORT{program}="x"
                                      ^^^^^^^^^^^^^^^
      """#),
    DiagnosticRow(
      #"ATTR{hwtype}=="13", RESERVE="host""#,
      #"""
      f:1:1: error: the type of the card is matched with HWTYPE [refused-key]
        ATTR{hwtype}=="13", RESERVE="host"
        ^^^^^^^^^^^^
        write: HWTYPE
      """#),
    DiagnosticRow(
      #"ATTR{online}=="1", RESERVE="host""#,
      #"""
      f:1:1: error: online depends on the driver, which is what rules decide; match something lasting: HWTYPE, MODE or CARD{serialnr} [refused-key]
        ATTR{online}=="1", RESERVE="host"
        ^^^^^^^^^^^^
      """#),
    DiagnosticRow(
      #"ATTRS{serialnr}=="1", RESERVE="host""#,
      #"""
      f:1:1: error: an attribute of the card is matched with CARD{serialnr} [refused-key]
        ATTRS{serialnr}=="1", RESERVE="host"
        ^^^^^^^^^^^^^^^
        write: CARD{serialnr}
      """#),
    DiagnosticRow(
      #"CARD=="x", RESERVE="host""#,
      #"""
      f:1:1: error: CARD needs an attribute in braces, one of API_ordinalnr, FW_version, max_msg_size, raw_hwtype, serialnr [missing-attribute]
        CARD=="x", RESERVE="host"
        ^^^^
      """#),
    DiagnosticRow(
      #"ADAPTER{x}=="5", RESERVE="host""#,
      #"""
      f:1:1: error: ADAPTER takes no attribute [unexpected-attribute]
        ADAPTER{x}=="5", RESERVE="host"
        ^^^^^^^^^^
        write: ADAPTER
      """#),
    DiagnosticRow(
      #"CARD{serialnumber}=="x", CARD{serialn}=="x", RESERVE="host""#,
      #"""
      f:1:6: error: unknown attribute "serialnumber" of CARD; the attributes are API_ordinalnr, FW_version, max_msg_size, raw_hwtype, serialnr [unknown-attribute]
        CARD{serialnumber}=="x", CARD{serialn}=="x", RESERVE="host"
             ^^^^^^^^^^^^
      f:1:31: error: unknown attribute "serialn" of CARD; the attributes are API_ordinalnr, FW_version, max_msg_size, raw_hwtype, serialnr [unknown-attribute]
        CARD{serialnumber}=="x", CARD{serialn}=="x", RESERVE="host"
                                      ^^^^^^^
        write: serialnr
      """#),
    DiagnosticRow(
      #"CARD{online}=="1", CARD{config}=="1", CARD{hwtype}=="1", RESERVE="host""#,
      #"""
      f:1:1: error: online depends on the driver, which is what rules decide; match something lasting: HWTYPE, MODE or CARD{serialnr} [refused-attribute]
        CARD{online}=="1", CARD{config}=="1", CARD{hwtype}=="1", RESERVE="host"
        ^^^^^^^^^^^^
      f:1:20: error: config changes while the machine runs, but a reservation must last; match something lasting: ADAPTER, HWTYPE or CARD{serialnr} [refused-attribute]
        CARD{online}=="1", CARD{config}=="1", CARD{hwtype}=="1", RESERVE="host"
                           ^^^^^^^^^^^^
      f:1:39: error: the type of the card is matched with HWTYPE [refused-attribute]
        CARD{online}=="1", CARD{config}=="1", CARD{hwtype}=="1", RESERVE="host"
                                              ^^^^^^^^^^^^
        write: HWTYPE
      """#),
    DiagnosticRow(
      #"CARD{mkvps}!="x", CARD{load}=="1", CARD{status}=="x", CARD{chkstop}=="0", RESERVE="host""#,
      #"""
      f:1:1: error: the master keys of a queue's domain are matched with MKVP{aes}, and MKVP{apka}, MKVP{asym} or MKVP{ep11} [refused-attribute]
        CARD{mkvps}!="x", CARD{load}=="1", CARD{status}=="x", CARD{chkstop}=="0", RESERVE="host"
        ^^^^^^^^^^^
        write: MKVP{aes}
      f:1:19: error: load depends on the driver, which is what rules decide; match something lasting: HWTYPE, MODE or CARD{serialnr} [refused-attribute]
        CARD{mkvps}!="x", CARD{load}=="1", CARD{status}=="x", CARD{chkstop}=="0", RESERVE="host"
                          ^^^^^^^^^^
      f:1:36: error: status depends on the driver, which is what rules decide; match something lasting: HWTYPE, MODE or CARD{serialnr} [refused-attribute]
        CARD{mkvps}!="x", CARD{load}=="1", CARD{status}=="x", CARD{chkstop}=="0", RESERVE="host"
                                           ^^^^^^^^^^^^
      f:1:55: error: chkstop changes while the machine runs, but a reservation must last; match something lasting: ADAPTER, HWTYPE or CARD{serialnr} [refused-attribute]
        CARD{mkvps}!="x", CARD{load}=="1", CARD{status}=="x", CARD{chkstop}=="0", RESERVE="host"
                                                              ^^^^^^^^^^^^^
      """#),
    DiagnosticRow(
      #"ADAPTER+="5", RESERVE+="host""#,
      #"""
      f:1:8: error: += is for lists, but ADAPTER has one value; use == [refused-operator]
        ADAPTER+="5", RESERVE+="host"
               ^^
        write: ==
      f:1:22: error: += is for lists, but RESERVE has one value; use = [refused-operator]
        ADAPTER+="5", RESERVE+="host"
                             ^^
        write: =
      """#),
    DiagnosticRow(
      #"ADAPTER="5", DOMAIN:="6", RESERVE="host""#,
      #"""
      f:1:8: error: ADAPTER can only be matched, not assigned; use == or != [assignment-of-match-key]
        ADAPTER="5", DOMAIN:="6", RESERVE="host"
               ^
        write: ==
      f:1:20: error: DOMAIN can only be matched, not assigned; use == or != [assignment-of-match-key]
        ADAPTER="5", DOMAIN:="6", RESERVE="host"
                           ^^
        write: ==
      """#),
    DiagnosticRow(
      #"RESERVE=="vfio_ap""#,
      #"""
      f:1:8: error: RESERVE can only be assigned, not matched; use = [match-of-assignment-key]
        RESERVE=="vfio_ap"
               ^^
        write: =
      """#),
    DiagnosticRow(
      #"RESERVE="vfio_ap", NAME:="x""#,
      #"""
      f:1:24: error: NAME comes from the rule that decides RESERVE; to lock it, write RESERVE:= [lock-only-reserve]
        RESERVE="vfio_ap", NAME:="x"
                               ^^
        write: =
      """#),
    DiagnosticRow(
      #"RESERVE=i"host""#,
      #"""
      f:1:9: error: only a match can ignore case; remove the i [ignored-case-in-assignment]
        RESERVE=i"host"
                ^
      """#),
    DiagnosticRow(
      #"RESERVE="host", RESERVE="host""#,
      #"""
      f:1:17: error: RESERVE is assigned twice in one rule [duplicate-assignment]
        RESERVE="host", RESERVE="host"
                        ^^^^^^^^^^^^^^
      """#),
    DiagnosticRow(
      #"ADAPTER=="5""#,
      #"""
      f:1:1: error: the rule decides nothing; add RESERVE="vfio_ap", "host" or "unmanaged" [rule-without-reserve]
        ADAPTER=="5"
        ^^^^^^^^^^^^
      """#),
    DiagnosticRow(
      #"RESERVE="host", COLLATERAL="accept""#,
      #"""
      f:1:17: error: COLLATERAL is only allowed with RESERVE="vfio_ap"; remove it [collateral-without-reservation]
        RESERVE="host", COLLATERAL="accept"
                        ^^^^^^^^^^^^^^^^^^^
      """#),
  ]
}
