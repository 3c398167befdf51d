/// Every kind of diagnostic, one case a kind. The raw value is stable: it appears in JSON and in the
/// manual.
package enum DiagnosticCode: String, Hashable, Sendable, CaseIterable {
  // The file and its text.
  case unreadableFile = "unreadable-file"
  case untrustedFile = "untrusted-file"
  case maskedFile = "masked-file"
  case replacedFile = "replaced-file"
  case skippedFile = "skipped-file"
  case fileTooLarge = "file-too-large"
  case tooManyRules = "too-many-rules"
  case byteOrderMark = "byte-order-mark"
  case nulByte = "nul-byte"
  case invalidUTF8 = "invalid-utf-8"
  case controlCharacter = "control-character"
  case carriageReturn = "carriage-return"
  case lineTooLong = "line-too-long"
  case incompleteFile = "incomplete-file"
  // The grammar of a line.
  case blankAfterBackslash = "blank-after-backslash"
  case trailingComment = "trailing-comment"
  case unexpectedText = "unexpected-text"
  case missingOperator = "missing-operator"
  case unknownOperator = "unknown-operator"
  case missingValue = "missing-value"
  case missingQuote = "missing-quote"
  case unclosedQuote = "unclosed-quote"
  case unclosedBrace = "unclosed-brace"
  case missingComma = "missing-comma"
  case unknownEscape = "unknown-escape"
  case unknownPrefix = "unknown-prefix"
  case invisibleCharacter = "invisible-character"
  // Keys and operators.
  case unknownKey = "unknown-key"
  case keyCase = "key-case"
  case refusedKey = "refused-key"
  case missingAttribute = "missing-attribute"
  case unexpectedAttribute = "unexpected-attribute"
  case unknownAttribute = "unknown-attribute"
  case refusedAttribute = "refused-attribute"
  case refusedOperator = "refused-operator"
  case assignmentOfMatchKey = "assignment-of-match-key"
  case matchOfAssignmentKey = "match-of-assignment-key"
  case lockOnlyReserve = "lock-only-reserve"
  case ignoredCaseInAssignment = "ignored-case-in-assignment"
  // Values.
  case emptyValue = "empty-value"
  case invalidNumber = "invalid-number"
  case ambiguousNumber = "ambiguous-number"
  case numberTooLarge = "number-too-large"
  case negativeNumber = "negative-number"
  case reversedRange = "reversed-range"
  case openRange = "open-range"
  case commaInValue = "comma-in-value"
  case blankInValue = "blank-in-value"
  case hexadecimalHardwareType = "hexadecimal-hardware-type"
  case invalidAPQN = "invalid-apqn"
  case prefixInAPQN = "prefix-in-apqn"
  case apqnWidth = "apqn-width"
  case apqnCase = "apqn-case"
  case unknownMode = "unknown-mode"
  case impossibleType = "impossible-type"
  case cardInKernel = "card-in-kernel"
  case unclosedBracket = "unclosed-bracket"
  case characterClass = "character-class"
  case unknownValue = "unknown-value"
  case neverMatches = "never-matches"
  // The rule as a whole.
  case duplicateAssignment = "duplicate-assignment"
  case duplicateClause = "duplicate-clause"
  case contradictingClauses = "contradicting-clauses"
  case ruleWithoutReserve = "rule-without-reserve"
  case ruleWithoutMatch = "rule-without-match"
  case collateralWithoutReservation = "collateral-without-reservation"
  // More than a person reads.
  case moreErrors = "more-errors"
  case moreWarnings = "more-warnings"
  // The rule among the others.
  case shadowedRule = "shadowed-rule"
  // The rule on a machine.
  case idleRule = "idle-rule"
  case collateral = "collateral"
  case acceptedCollateral = "accepted-collateral"
  case hardwareTooOld = "hardware-too-old"
  // Master keys on a machine.
  case unexpectedMasterKey = "unexpected-master-key"
  case changedMasterKey = "changed-master-key"
  // Guests on a machine.
  case guestConflict = "guest-conflict"
  case guestOverlap = "guest-overlap"
  case guestSeveralDevices = "guest-several-devices"
  case guestVanishedDevice = "guest-vanished-device"
  case guestEmptyMatrix = "guest-empty-matrix"
  case guestNotConfigured = "guest-not-configured"
  case guestNotReserved = "guest-not-reserved"
  case guestKeptForHost = "guest-kept-for-host"
  case guestOldHardware = "guest-old-hardware"
  case guestSilentAdapters = "guest-silent-adapters"
  case guestMixedModes = "guest-mixed-modes"
  case guestAbsentAdapters = "guest-absent-adapters"
  case guestLosesAdapter = "guest-loses-adapter"
  case guestActiveWithout = "guest-active-without"
  case guestActiveBeyond = "guest-active-beyond"
  case invalidDefinition = "invalid-definition"
  case unreadableDefinitions = "unreadable-definitions"
  // The LPAR of a machine.
  case lparAdapterAbsent = "lpar-adapter-absent"
  case lparAdapterUnexpected = "lpar-adapter-unexpected"
  case lparAdapterDiffers = "lpar-adapter-differs"
  case lparUsageDomainAbsent = "lpar-usage-domain-absent"
  case lparUsageDomainUnexpected = "lpar-usage-domain-unexpected"
  case lparControlDomainAbsent = "lpar-control-domain-absent"
  case lparControlDomainUnexpected = "lpar-control-domain-unexpected"
  case lparRequestNotAssigned = "lpar-request-not-assigned"

  package var severity: Diagnostic.Severity {
    switch self {
    case .maskedFile, .replacedFile, .skippedFile, .carriageReturn, .duplicateClause, .moreWarnings,
      .shadowedRule, .idleRule, .collateral, .hardwareTooOld, .guestOverlap, .guestVanishedDevice,
      .guestEmptyMatrix, .guestNotConfigured, .guestNotReserved, .guestKeptForHost,
      .guestOldHardware, .guestSilentAdapters, .guestAbsentAdapters, .guestLosesAdapter,
      .guestActiveWithout, .invalidDefinition, .unreadableDefinitions, .unexpectedMasterKey,
      .changedMasterKey, .lparAdapterAbsent, .lparAdapterUnexpected, .lparAdapterDiffers,
      .lparUsageDomainAbsent, .lparUsageDomainUnexpected, .lparRequestNotAssigned:
      .warning
    case .acceptedCollateral, .guestMixedModes, .guestActiveBeyond, .lparControlDomainAbsent,
      .lparControlDomainUnexpected:
      .note
    default: .error
    }
  }
}
