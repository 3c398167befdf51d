import ArgumentParser

/// Runs a command's work. What goes wrong is said in one sentence, without the usage that belongs to
/// wrong arguments, and ends the program with 1.
func reportingErrors(_ body: () throws -> Void) throws {
  do {
    try body()
  } catch let code as ExitCode {
    throw code
  } catch {
    Terminal.say("\(error)")
    throw ExitStatus.error
  }
}
