extension DiagnosticRow {
  /// The grammar of a line and the text of a file.
  static let lines = [
    DiagnosticRow(
      #"ADAPTER=="5" RESERVE="host""#,
      #"""
      f:1:14: error: missing comma before "RESERVE" [missing-comma]
        ADAPTER=="5" RESERVE="host"
                     ^^^^^^^
        write: , RESERVE
      """#),
    DiagnosticRow(
      #"ADAPTER=="5", RESERVE="host" # why"#,
      #"""
      f:1:30: error: a comment must be on a line of its own; move it above the rule [trailing-comment]
        ADAPTER=="5", RESERVE="host" # why
                                     ^^^^^
      """#),
    DiagnosticRow(
      #"ADAPTER=="5", RESERVE="host"; x"#,
      #"""
      f:1:29: error: "; x" is not a clause; write KEY=="value" [unexpected-text]
        ADAPTER=="5", RESERVE="host"; x
                                    ^^^
      """#),
    DiagnosticRow(
      #"ADAPTER=="5"x, RESERVE="host""#,
      #"""
      f:1:13: error: "x" is neither a comma nor a clause [unexpected-text]
        ADAPTER=="5"x, RESERVE="host"
                    ^
      """#),
    DiagnosticRow(
      #"ADAPTER "5", RESERVE="host""#,
      #"""
      f:1:1: error: "ADAPTER" is not followed by an operator; write a clause as KEY=="value" [missing-operator]
        ADAPTER "5", RESERVE="host"
        ^^^^^^^
      """#),
    DiagnosticRow(
      #"ADAPTER=~"5", RESERVE="host""#,
      #"""
      f:1:8: error: unknown operator "=~"; the operators are ==, !=, = and := [unknown-operator]
        ADAPTER=~"5", RESERVE="host"
               ^^
        write: ==
      """#),
    DiagnosticRow(
      #"ADAPTER==, RESERVE="host""#,
      #"""
      f:1:8: error: "==" is not followed by a value; write a value in quotes [missing-value]
        ADAPTER==, RESERVE="host"
               ^^
      """#),
    DiagnosticRow(
      #"ADAPTER==5, RESERVE=‘host’"#,
      #"""
      f:1:10: error: the value "5" must be in straight double quotes [missing-quote]
        ADAPTER==5, RESERVE=‘host’
                 ^
        write: "5"
      f:1:21: error: the value "‘host’" must be in straight double quotes [missing-quote]
        ADAPTER==5, RESERVE=‘host’
                            ^^^^^^
        write: "host"
      """#),
    DiagnosticRow(
      #"ADAPTER=="5, RESERVE="host""#,
      #"""
      f:1:10: error: this quote is not closed [unclosed-quote]
        ADAPTER=="5, RESERVE="host"
                 ^^
        write: "5"
      """#),
    DiagnosticRow(
      #"ADAPTER=="5", RESERVE="host"#,
      #"""
      f:1:23: error: this quote is not closed [unclosed-quote]
        ADAPTER=="5", RESERVE="host
                              ^
      """#),
    DiagnosticRow(
      #"CARD{serialnr=="5", RESERVE="host""#,
      #"""
      f:1:5: error: missing closing brace after "CARD"; write CARD{attribute} [unclosed-brace]
        CARD{serialnr=="5", RESERVE="host"
            ^
      """#),
    DiagnosticRow(
      #"HOST=="a\*", RESERVE="host""#,
      #"""
      f:1:9: error: a backslash in a value is only allowed before a quote; to match a special character of globs, write it in brackets, as in [*] [unknown-escape]
        HOST=="a\*", RESERVE="host"
                ^
      """#),
    DiagnosticRow(
      #"HOST==e"a", RESERVE="host""#,
      #"""
      f:1:7: error: unknown prefix "e" of the value; the only prefix is i, to ignore case [unknown-prefix]
        HOST==e"a", RESERVE="host"
              ^
      """#),
    DiagnosticRow(
      #"ADAPTER=="5", \ \#nRESERVE="host""#,
      #"""
      f:1:15: error: a backslash continues a rule only as the last character of a line; remove what follows it [blank-after-backslash]
        ADAPTER=="5", \ 
                      ^^
        write: \
      f:2:1: error: the rule has no match clause; name the queues it applies to, or write APQN=="*" if it applies to every queue [rule-without-match]
        RESERVE="host"
        ^^^^^^^^^^^^^^
        write: APQN=="*", RESERVE="host"
      """#),
    DiagnosticRow(
      #"ADAPTER=="5", \\#n   DOMAIN=="300",\\#n # note\#n RESRVE="host""#,
      #"""
      f:2:13: error: "300" is too large; the largest number is 0xff (255) [number-too-large]
           DOMAIN=="300",\
                    ^^^
      f:4:2: error: unknown key "RESRVE"; did you mean "RESERVE"? [unknown-key]
         RESRVE="host"
         ^^^^^^
        write: RESERVE
      """#),
    DiagnosticRow(
      #"\#u{feff}RESERVE="host", ADAPTER=="5""#,
      #"""
      f:1:1: error: the file begins with a byte order mark; save it as UTF-8 without one [byte-order-mark]
        �RESERVE="host", ADAPTER=="5"
        ^
      """#),
    DiagnosticRow(
      #"A\#u{0}B"#,
      #"""
      f:1:2: error: a NUL byte at offset 1 of the file; rule files are text [nul-byte]
        A�B
         ^
      """#),
    DiagnosticRow(
      #"RESERVE="host"\#u{1b}"#,
      #"""
      f:1:15: error: control character 0x1b at offset 14 of the file; remove it [control-character]
        RESERVE="host"�
                      ^
      """#),
  ]
}
