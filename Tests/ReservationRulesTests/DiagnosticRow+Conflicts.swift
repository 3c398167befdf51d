extension DiagnosticRow {
  /// Clauses that nothing matches, and clauses that are in a rule twice.
  static let conflicts = [
    DiagnosticRow(
      #"ADAPTER=="5", ADAPTER=="6", RESERVE="host""#,
      #"""
      f:1:15: error: nothing matches both ADAPTER=="5" and ADAPTER=="6"; to match either of them, write one clause with | between the values [contradicting-clauses]
        ADAPTER=="5", ADAPTER=="6", RESERVE="host"
                      ^^^^^^^^^^^^
      """#),
    DiagnosticRow(
      #"ADAPTER=="4-6", ADAPTER!="0-9", RESERVE="host""#,
      #"""
      f:1:17: error: nothing matches both ADAPTER=="4-6" and ADAPTER!="0-9" [contradicting-clauses]
        ADAPTER=="4-6", ADAPTER!="0-9", RESERVE="host"
                        ^^^^^^^^^^^^^^
      """#),
    DiagnosticRow(
      #"APQN=="05.*", DOMAIN=="4", ADAPTER=="6", RESERVE="host""#,
      #"""
      f:1:28: error: nothing matches both APQN=="05.*" and ADAPTER=="6" [contradicting-clauses]
        APQN=="05.*", DOMAIN=="4", ADAPTER=="6", RESERVE="host"
                                   ^^^^^^^^^^^^
      """#),
    DiagnosticRow(
      #"KERNEL=="05.*", APQN=="06.0004", RESERVE="host""#,
      #"""
      f:1:17: error: nothing matches both KERNEL=="05.*" and APQN=="06.0004" [contradicting-clauses]
        KERNEL=="05.*", APQN=="06.0004", RESERVE="host"
                        ^^^^^^^^^^^^^^^
      """#),
    DiagnosticRow(
      #"ADAPTER=="1|2", ADAPTER!="1", ADAPTER!="2", RESERVE="host""#,
      #"""
      f:1:31: error: nothing matches ADAPTER!="2" and all clauses before it [contradicting-clauses]
        ADAPTER=="1|2", ADAPTER!="1", ADAPTER!="2", RESERVE="host"
                                      ^^^^^^^^^^^^
      """#),
    DiagnosticRow(
      #"TYPE=="CEX7C", MODE=="ep11", RESERVE="host""#,
      #"""
      f:1:16: error: nothing matches both TYPE=="CEX7C" and MODE=="ep11" [contradicting-clauses]
        TYPE=="CEX7C", MODE=="ep11", RESERVE="host"
                       ^^^^^^^^^^^^
      """#),
    DiagnosticRow(
      #"HWTYPE=="13", TYPE=="CEX8*", RESERVE="host""#,
      #"""
      f:1:15: error: nothing matches both HWTYPE=="13" and TYPE=="CEX8*" [contradicting-clauses]
        HWTYPE=="13", TYPE=="CEX8*", RESERVE="host"
                      ^^^^^^^^^^^^^
      """#),
    DiagnosticRow(
      #"HWTYPE=="13-", HWTYPE=="10-12", RESERVE="host""#,
      #"""
      f:1:16: error: nothing matches both HWTYPE=="13-" and HWTYPE=="10-12"; to match either of them, write one clause with | between the values [contradicting-clauses]
        HWTYPE=="13-", HWTYPE=="10-12", RESERVE="host"
                       ^^^^^^^^^^^^^^^
      """#),
    DiagnosticRow(
      #"MODE=="cca", MODE=="ep11", RESERVE="host""#,
      #"""
      f:1:14: error: nothing matches both MODE=="cca" and MODE=="ep11"; to match either of them, write one clause with | between the values [contradicting-clauses]
        MODE=="cca", MODE=="ep11", RESERVE="host"
                     ^^^^^^^^^^^^
      """#),
    DiagnosticRow(
      #"HOST=="lnx01", HOST=="lnx02", RESERVE="host""#,
      #"""
      f:1:16: error: nothing matches both HOST=="lnx01" and HOST=="lnx02"; to match either of them, write one clause with | between the values [contradicting-clauses]
        HOST=="lnx01", HOST=="lnx02", RESERVE="host"
                       ^^^^^^^^^^^^^
      """#),
    DiagnosticRow(
      #"HOST=="lnx01|lnx02", HOST!="lnx01", HOST!="*2", RESERVE="host""#,
      #"""
      f:1:37: error: nothing matches HOST!="*2" and all clauses before it [contradicting-clauses]
        HOST=="lnx01|lnx02", HOST!="lnx01", HOST!="*2", RESERVE="host"
                                            ^^^^^^^^^^
      """#),
    DiagnosticRow(
      #"CARD{serialnr}=="93AABE1Q", CARD{serialnr}=="93AABE2Q", RESERVE="host""#,
      #"""
      f:1:29: error: nothing matches both CARD{serialnr}=="93AABE1Q" and CARD{serialnr}=="93AABE2Q"; to match either of them, write one clause with | between the values [contradicting-clauses]
        CARD{serialnr}=="93AABE1Q", CARD{serialnr}=="93AABE2Q", RESERVE="host"
                                    ^^^^^^^^^^^^^^^^^^^^^^^^^^
      """#),
    DiagnosticRow(
      #"ADAPTER!="0-0xff", RESERVE="host""#,
      #"""
      f:1:1: error: ADAPTER!="0-0xff" matches nothing, so the rule never matches [never-matches]
        ADAPTER!="0-0xff", RESERVE="host"
        ^^^^^^^^^^^^^^^^^
      """#),
    DiagnosticRow(
      #"MODE!="accel|cca|ep11", RESERVE="host""#,
      #"""
      f:1:1: error: MODE!="accel|cca|ep11" matches nothing, so the rule never matches [never-matches]
        MODE!="accel|cca|ep11", RESERVE="host"
        ^^^^^^^^^^^^^^^^^^^^^^
      """#),
    DiagnosticRow(
      #"HOST!="*", RESERVE="host""#,
      #"""
      f:1:1: error: HOST!="*" matches nothing, so the rule never matches [never-matches]
        HOST!="*", RESERVE="host"
        ^^^^^^^^^
      """#),
    DiagnosticRow(
      #"KERNEL!="*", HWTYPE!="0-", RESERVE="host""#,
      #"""
      f:1:1: error: KERNEL!="*" matches nothing, so the rule never matches [never-matches]
        KERNEL!="*", HWTYPE!="0-", RESERVE="host"
        ^^^^^^^^^^^
      f:1:14: error: HWTYPE!="0-" matches nothing, so the rule never matches [never-matches]
        KERNEL!="*", HWTYPE!="0-", RESERVE="host"
                     ^^^^^^^^^^^^
      """#),
    DiagnosticRow(
      #"ADAPTER=="5", DOMAIN=="4", ADAPTER=="5", RESERVE="host""#,
      #"""
      f:1:28: warning: ADAPTER=="5" is in this rule twice; remove one of them [duplicate-clause]
        ADAPTER=="5", DOMAIN=="4", ADAPTER=="5", RESERVE="host"
                                   ^^^^^^^^^^^^
      """#),
    DiagnosticRow(
      #"RESERVE="host", RESERVE="vfio_ap""#,
      #"""
      f:1:17: error: RESERVE is assigned twice in one rule [duplicate-assignment]
        RESERVE="host", RESERVE="vfio_ap"
                        ^^^^^^^^^^^^^^^^^
      """#),
    DiagnosticRow(
      #"RESERVE="vfio_ap", NAME="web1""#,
      #"""
      f:1:1: error: the rule has no match clause; name the queues it applies to, or write APQN=="*" if it applies to every queue [rule-without-match]
        RESERVE="vfio_ap", NAME="web1"
        ^^^^^^^^^^^^^^^^^
        write: APQN=="*", RESERVE="vfio_ap"
      """#),
    DiagnosticRow(
      #"NAME="all", RESERVE:="host""#,
      #"""
      f:1:13: error: the rule has no match clause; name the queues it applies to, or write APQN=="*" if it applies to every queue [rule-without-match]
        NAME="all", RESERVE:="host"
                    ^^^^^^^^^^^^^^^
        write: APQN=="*", RESERVE:="host"
      """#),
    DiagnosticRow(
      #"COLLATERAL="accept""#,
      #"""
      f:1:1: error: COLLATERAL without a reservation does nothing; add RESERVE="vfio_ap", or remove it [collateral-without-reservation]
        COLLATERAL="accept"
        ^^^^^^^^^^^^^^^^^^^
      """#),
    DiagnosticRow(
      #"ADAPTER=="5", COLLATERAL="accept", NAME="x""#,
      #"""
      f:1:15: error: COLLATERAL without a reservation does nothing; add RESERVE="vfio_ap", or remove it [collateral-without-reservation]
        ADAPTER=="5", COLLATERAL="accept", NAME="x"
                      ^^^^^^^^^^^^^^^^^^^
      """#),
    DiagnosticRow(
      #"RESERVE="unmanaged", COLLATERAL="refuse""#,
      #"""
      f:1:22: error: COLLATERAL is only allowed with RESERVE="vfio_ap"; remove it [collateral-without-reservation]
        RESERVE="unmanaged", COLLATERAL="refuse"
                             ^^^^^^^^^^^^^^^^^^^
      """#),
    DiagnosticRow(
      #"ADAPTER=="10", NAME="x""#,
      #"""
      f:1:1: error: the rule decides nothing; add RESERVE="vfio_ap", "host" or "unmanaged" [rule-without-reserve]
        ADAPTER=="10", NAME="x"
        ^^^^^^^^^^^^^^^^^^^^^^^
      f:1:11: error: "10" can be decimal as on the HMC (0x0a) or hexadecimal as in sysfs (0x10); from ten on, write numbers with 0x [ambiguous-number]
        ADAPTER=="10", NAME="x"
                  ^^
        write: 0x0a or 0x10
      """#),
    DiagnosticRow(
      #"NAME="x""#,
      #"""
      f:1:1: error: the rule decides nothing; add RESERVE="vfio_ap", "host" or "unmanaged" [rule-without-reserve]
        NAME="x"
        ^^^^^^^^
      """#),
  ]
}
