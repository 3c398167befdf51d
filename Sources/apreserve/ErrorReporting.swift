import ArgumentParser

/// Runs a command's work. What goes wrong is said in one sentence, without the usage that belongs to
/// wrong arguments, and ends the program with 1; so does a result that could not be written, since
/// nobody has it.
func reportingErrors(_ body: () throws -> Void) throws {
  var status: ExitCode?
  do {
    try body()
  } catch let code as ExitCode {
    status = code
  } catch {
    Terminal.say("\(error)")
    status = ExitStatus.error
  }
  guard Terminal.hasWrittenAll() else {
    Terminal.say("the result could not be written to standard output, or not all of it")
    throw ExitStatus.error
  }
  if let status { throw status }
}
