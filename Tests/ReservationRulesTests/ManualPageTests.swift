import ReservationRules
import Testing

@Suite struct `The manual page of rules` {
  private let page: ManualPage

  init() throws {
    page = try ManualPage()
  }

  private func diagnostics(_ text: String) -> [Diagnostic] {
    let (rules, diagnostics) = RuleSet.parse(files: [RuleFile(path: "f", text: text)])
    return diagnostics + rules.shadowWarnings()
  }

  @Test func `has examples in which nothing is wrong`() {
    #expect(page.examples.count >= 18)
    for example in page.examples {
      #expect(diagnostics(example).map(\.description) == [], "\(example)")
      #expect(!RuleSet.parse(files: [RuleFile(path: "f", text: example)]).0.rules.isEmpty)
    }
  }

  @Test func `has every diagnostic in its table, once, with its severity, cause and remedy`() {
    #expect(page.entries.map(\.code).sorted() == DiagnosticCode.allCases.map(\.rawValue).sorted())
    for entry in page.entries {
      let code = DiagnosticCode(rawValue: entry.code)
      #expect(code?.severity.rawValue == entry.severity)
      #expect(entry.sentences.count == 2 && entry.sentences.allSatisfy { $0.hasSuffix(".") })
    }
  }

  @Test func `has an example of every mistake that a printed line can show`() {
    let hidden: Set<DiagnosticCode> = [
      .unreadableFile, .untrustedFile, .fileTooLarge, .tooManyRules, .maskedFile, .replacedFile,
      .skippedFile,
      .byteOrderMark, .nulByte, .invalidUTF8, .controlCharacter, .carriageReturn, .lineTooLong,
      .moreErrors, .moreWarnings, .blankAfterBackslash, .invisibleCharacter, .idleRule,
      .collateral, .acceptedCollateral, .hardwareTooOld, .guestConflict, .guestOverlap,
      .guestSeveralDevices, .guestVanishedDevice, .guestEmptyMatrix, .guestNotConfigured,
      .guestNotReserved, .guestKeptForHost, .guestOldHardware, .guestSilentAdapters,
      .guestMixedModes,
      .guestAbsentAdapters, .guestLosesAdapter, .guestActiveWithout, .guestActiveBeyond,
      .invalidDefinition, .unreadableDefinitions, .unexpectedMasterKey,
      .changedMasterKey, .lparAdapterAbsent, .lparAdapterUnexpected, .lparAdapterDiffers,
      .lparUsageDomainAbsent, .lparUsageDomainUnexpected, .lparControlDomainAbsent,
      .lparControlDomainUnexpected, .lparRequestNotAssigned,
    ]
    for entry in page.entries {
      guard let code = DiagnosticCode(rawValue: entry.code), !hidden.contains(code) else {
        continue
      }
      #expect(
        entry.example.map { diagnostics($0).map(\.code.rawValue) } == [entry.code], "\(entry)")
    }
  }
}
