import Glibc
import Reservation
import HostSystem
import Daemon
import TestSupport
import Testing

@Suite struct `make install` {
  private let installation: Installation

  init() throws {
    installation = try Installation()
  }

  @Test func `puts every file where the list says, and uninstall leaves nothing`() throws {
    let list = try installation.run("list").lines
    let installed = try installation.run("install")
    #expect(installed.status == 0 && installed.output == "")
    let files = try installation.files
    // The list has empty directories too, which are no files.
    #expect(Set(files).isSubset(of: list))
    #expect(Set(list).subtracting(files).allSatisfy { $0.hasSuffix(".d") })
    for name in ["bin/apreserve", "bin/apreserve-simfs", "lib/systemd/system/apreserve.service"] {
      #expect(files.contains("\(installation.path)/usr/\(name)"))
    }
    #expect(try installation.run("uninstall").output == "")
    #expect(try installation.files == [])
    #expect(
      try Shell.run("find '\(installation.path)' -name '*apreserve*' -mindepth 1").output == "")
  }

  @Test func `takes a source, programs and DESTDIR with blanks in their paths`() throws {
    let place = "\(installation.path)/a  place of "
    _ = try Shell.run(
      """
      mkdir -p '\(place)/check out/bin' && cp -R '\(SourceFile.path("packaging"))' \
      '\(SourceFile.path("rules"))' '\(place)/check out' &&
      ln -s '\(installation.binaries)'/apreserve* '\(place)/check out/bin'
      """)
    let run = { (action: String) in
      try self.installation.run(
        action,
        [
          "PREFIX": "/usr", "SYSCONFDIR": "/etc", "DESTDIR": "\(place)/dest dir",
          "BINARIES": "\(place)/check out/bin",
        ], script: "\(place)/check out/packaging/install-files")
    }
    let result = try run("install")
    #expect(result.status == 0 && result.output == "")
    let files = try Shell.run(
      "cd '\(place)/dest dir' && find . '(' -type f -o -type l ')' -printf '/%P\n'"
    ).lines
    let list = try run("list").lines
    #expect(Set(files) == Set(list.filter { !$0.hasSuffix(".d") }))
    #expect(try Shell.run("find '\(place)/dest dir' -type f -empty").output == "")
    #expect(try run("uninstall").output == "")
    #expect(try Shell.run("find '\(place)/dest dir' -type f").output == "")
  }

  @Test func `puts scripts and settings where a distribution wants them`() throws {
    try installation.run(
      "install",
      [
        "PREFIX": "/usr", "SYSCONFDIR": "/etc", "DESTDIR": installation.path,
        "LIBEXECDIR": "/usr/lib64", "CONFDIR": "/usr/lib/apreserve", "INITRD": "dracut",
      ])
    let files = Set(try installation.files.map { String($0.dropFirst(installation.path.count)) })
    let scripts = ["initrd-apply", "initrd-collect", "libvirt-hook", "queues-that-stay"]
    #expect(files.isSuperset(of: scripts.map { "/usr/lib64/apreserve/\($0)" }))
    #expect(files.contains("/usr/lib/apreserve/apreserve.conf"))
    #expect(!files.contains { $0.contains("initramfs-tools") })
    // Older versions of mdevctl look only there, and libvirt.
    let links = [
      "/etc/mdevctl.d/scripts.d/callouts/ap-apreserve":
        "/usr/lib/mdevctl/scripts.d/callouts/ap-apreserve",
      "/etc/libvirt/hooks/qemu.d/apreserve": "/usr/lib64/apreserve/libvirt-hook",
    ]
    #expect(files.filter { $0.hasPrefix("/etc/") } == Set(links.keys))
    for (link, target) in links {
      #expect(try Shell.run("readlink '\(installation.path)\(link)'").output == target + "\n")
    }
    let module = "\(installation.path)/usr/lib/dracut/modules.d/90apreserve"
    #expect(try Shell.run("grep -c '/usr/lib64/apreserve/' '\(module)/apply.sh'").output == "1\n")
    #expect(try Shell.run("grep -r '/libexec/' '\(module)'").output == "")
  }

  @Test func `puts the policy module only where it is wanted`() throws {
    try installation.run("install")
    #expect(try installation.files.allSatisfy { !$0.contains("selinux") })
    try installation.run("uninstall")
    let module = "\(installation.path)/module"
    _ = try Shell.run("echo module >'\(module)'")
    let result = try installation.run("install selinux", ["MODULE": module])
    #expect(result.status == 0 && result.output == "")
    let list = try installation.run("list selinux", ["MODULE": module]).lines
    #expect(list.count == 3)
    #expect(try installation.files == ([module] + list).sorted())
    let packages = "\(installation.path)/usr/share/selinux/packages"
    #expect(try Shell.run("cat '\(packages)/apreserve.pp.bz2'").output == "module\n")
  }

  private static let hasPolicy = ["default", "mls", "targeted"].contains {
    access("/etc/selinux/\($0)/policy", F_OK) == 0
  }

  @Test(
    .disabled(if: hasPolicy, "a policy is installed"),
    arguments: ["install /nowhere/apreserve.pp.bz2", "remove"])
  func `brings a script that does nothing where no SELinux policy is installed`(
    action: String
  ) throws {
    let result = try Shell.run("'\(SourceFile.path("packaging/selinux/policy-module"))' \(action)")
    #expect(result.status == 0 && result.output == "")
  }

  @Test(arguments: [
    ["PREFIX": "/opt/my programs"], ["PREFIX": "/opt/a,b"], ["LIBEXECDIR": "/opt/a b"],
    ["SYSCONFDIR": "/tmp/a\tb"],
    ["BINARIES": "/tmp/a\nb"],
  ])
  func `refuses paths that it would not write right`(variables: [String: String]) throws {
    let result = try installation.run("install", variables)
    #expect(result.status == 64)
    #expect(result.lines.first?.hasPrefix("install-files: ") == true)
    #expect(try installation.files == [])
  }

  @Test func `brings no rule into force`() throws {
    try installation.run("install")
    let rules = try installation.files.filter { $0.hasSuffix(".rules") }
    #expect(!rules.isEmpty)
    #expect(rules.allSatisfy { $0.contains("/share/doc/apreserve/examples/") })
  }

  @Test func `brings the example of a fleet, complete and with scripts that can be run`() throws {
    try installation.run("install")
    let place = "\(installation.path)/usr/share/doc/apreserve/examples/fleet"
    let source = SourceFile.path("packaging/examples/fleet")
    #expect(try Shell.run("diff -r '\(source)' '\(place)'").output == "")
    #expect(try Shell.run("find '\(place)' -type l").output == "")
    let scripts = try Shell.run("cd '\(place)' && find . -type f -perm /111 | sort").lines
    #expect(scripts == ["./ci/check", "./ci/collect", "./ci/push", "./ci/rollout"])
  }

  @Test func `leaves settings alone that an administrator has changed`() throws {
    try installation.run("install")
    let file = "\(installation.path)/etc/apreserve/apreserve.conf"
    _ = try Shell.run("echo '# mine' >>'\(file)'")
    #expect(try installation.run("install").output.contains("was changed, and is not replaced"))
    #expect(try installation.run("uninstall").output.contains("was changed, and is not removed"))
    #expect(try installation.files == [file])
    #expect(try Shell.run("tail -n 1 '\(file)'").output == "# mine\n")
  }

  @Test func `names the program where it was put`() throws {
    try installation.run("install")
    let commands = try Shell.run(
      "grep -rh '^Exec' '\(installation.path)/usr/lib/systemd/system'"
    ).lines
    #expect(commands.count == 5)
    #expect(commands.allSatisfy { $0.contains("=\(installation.path)/usr/bin/apreserve ") })
  }

  /// Called for every type of device; one that is not of vfio_ap, or without the program, is left to other callouts.
  @Test(arguments: [("i915-GVTg_V5_4", 2), ("vfio_ap-passthrough", 2)])
  func `brings a callout that leaves to others what it cannot answer`(
    type: String, status: Int
  ) throws {
    try installation.run("install")
    let callout = "\(installation.path)/etc/mdevctl.d/scripts.d/callouts/ap-apreserve"
    _ = try Shell.run("rm '\(installation.path)/usr/bin/apreserve'")
    #expect(try Shell.run("'\(callout)' -t \(type) -e pre -a start").status == status)
  }

  @Test(arguments: ["prepare", "start", ""])
  func `brings a hook that lets every machine start without the program`(operation: String) throws {
    try installation.run("install")
    _ = try Shell.run("rm '\(installation.path)/usr/bin/apreserve'")
    let hook = "\(installation.path)/etc/libvirt/hooks/qemu.d/apreserve"
    #expect(try Shell.run("'\(hook)' web1 \(operation) begin -").status == 0)
  }

  @Test func `brings completions that bash can read`() throws {
    try installation.run("install")
    let file = "\(installation.path)/usr/share/bash-completion/completions/apreserve"
    #expect(try Shell.run("bash -n '\(file)'").output == "")
    #expect(try Shell.run("bash -c '. \"\(file)\"; complete -p apreserve'").status == 0)
  }

  @Test(arguments: ["/nowhere/apreserve", "false", "true"])
  func `fails where no completions can be made`(generator: String) throws {
    let result = try installation.run("install", ["GENERATOR": generator])
    #expect(result.status != 0)
    #expect(result.output.contains("install-files: \(generator) prints no completions for bash"))
    #expect(try Shell.run("find '\(installation.path)' -type f -empty").output == "")
  }

  @Test(arguments: [
    ("pla", ["place", "plan"]), ("plan --inv", ["--inventory"]), ("settle --time", ["--timeout"]),
    ("plan --mechanism ", ["bind", "mask", "override"]), ("plan --protect-host a", ["auto"]),
    ("plan --inventory ma", ["machine.json"]), ("list --rules ru", ["rules"]),
    ("help plan", ["plan"]), ("help se", ["settle"]), ("verify ru", ["rules"]),
    ("replay ma", ["machine.json"]), ("rule a", ["add"]),
    ("plan --diff ru", ["rules"]), ("apply ma", ["machine.json"]),
  ])
  func `completes commands, options, values, files and directories in bash`(
    typed: String, offered: [String]
  ) throws {
    try installation.run("install")
    let place = "\(installation.path)/place"
    _ = try Shell.run("mkdir -p '\(place)/rules' && touch '\(place)/machine.json'")
    // What bash does when the tab key is pressed after these words.
    let script = """
      . '\(installation.path)/usr/share/bash-completion/completions/apreserve'
      cd '\(place)'
      PATH='\(installation.path)/usr/bin':$PATH
      typed='apreserve \(typed)'
      read -ra COMP_WORDS <<<"$typed"
      case $typed in *' ') COMP_WORDS+=('') ;; esac
      COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE=$typed COMP_POINT=${#typed} COMPREPLY=()
      complete=$(complete -p apreserve)
      complete=${complete#*-F }
      "${complete%% *}" apreserve "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
      printf '%s\\n' "${COMPREPLY[@]}"
      """
    let result = try Shell.run("bash -s <<'END'\n\(script)\nEND")
    #expect(result.lines.sorted() == offered)
  }
}

@Suite struct `The packages` {
  @Test func `show every setting with its default in apreserve.conf`() throws {
    let text = try SourceFile.text("packaging/apreserve.conf")
    // A line that begins with # and no space is a setting that is commented out.
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      line.hasPrefix("#") && !line.hasPrefix("# ") ? line.dropFirst() : line
    }
    let shown = Configuration([
      .text(
        ConfigurationText(
          path: "apreserve.conf", bytes: Array(lines.joined(separator: "\n").utf8)))
    ])
    #expect(shown.problems == [])
    #expect(shown.applied.allSatisfy { $0.origin != "default" }, "a setting is not shown")
    let defaults = Configuration().applied
    #expect(shown.applied.map(\.value) == defaults.map(\.value))
    let untouched = Configuration([
      .text(ConfigurationText(path: "apreserve.conf", bytes: Array(text.utf8)))
    ])
    #expect(untouched == Configuration())
  }

  @Test func `have the version of the program`() throws {
    let changelog = try SourceFile.text("packaging/debian/changelog")
    #expect(changelog.hasPrefix("apreserve (\(ProgramVersion.text)) "))
    let spec = try SourceFile.text("packaging/rpm/apreserve.spec")
    #expect(spec.contains("\nVersion:        \(ProgramVersion.text)\n"))
    let policy = try SourceFile.text("packaging/selinux/apreserve.te")
    #expect(policy.hasPrefix("policy_module(apreserve, \(ProgramVersion.text))\n"))
  }
}
