import APBus
@testable import Reservation
import Testing

@Suite struct `Secure keys` {
  private static func proc(_ count: Int, name: String = "cbc(paes)") -> String {
    """
    name         : sha256
    refcnt       : 7

    name         : \(name)
    driver       : cbc-paes-s390
    module       : paes_s390
    refcnt       : \(count)
    selftest     : passed

    """
  }

  @Test(arguments: [
    (proc(2), 1), (proc(1), 0), (proc(2, name: "cbc(aes)"), 0), ("", 0), ("refcnt : 5\n", 0),
    ("name : paes\nrefcnt : x\n", 0), ("name\nrefcnt : 5\n", 0), ("name : paes\nrefcnt\n", 0),
    (proc(3) + proc(2, name: "xts(paes)") + proc(9, name: "aes"), 3), (proc(0), 0), (proc(-5), 0),
    ("name : paes\nrefcnt : 99999999999999999999\n", 0),
  ])
  func `are used by each reference to a paes algorithm but its own`(text: String, uses: Int) {
    #expect(SecureKeyUser.cipherUses(procCrypto: text) == uses)
  }

  @Test func `are recognised by the options of a crypttab`() {
    let text = """
      # root /dev/x /key cipher=paes-xts-plain64
      #home /dev/y /key cipher=paes-xts-plain64
      swap /dev/a /dev/urandom cipher=aes-cbc
      data /dev/b /etc/zkey/data.skey plain,cipher=paes-xts-plain64,size=1024
      short /dev/c
      header /dev/d none luks,header=/boot/paes-test.hdr
      root /dev/e none luks,cipher=paes-xts-plain64
      """
    #expect(
      PaesVolume.volumes(crypttab: text) == [
        PaesVolume(
          name: "data", device: "/dev/b", keyFile: "/etc/zkey/data.skey", isWholeFile: true),
        PaesVolume(name: "root", device: "/dev/e", keyFile: "none", isWholeFile: true),
      ])
  }

  @Test(arguments: [
    ("/sys/devices/virtual/misc/pkey/protkey/protkey_aes_256_xts", PaesVolume.KeyPlace.processor),
    ("/sys/class/misc/pkey/protkey/protkey_aes_xts_256", .processor),
    ("/sys/devices/virtual/misc/pkey/ccadata/ccadata_aes_256_xts", .adapter(.ccaData)),
    ("/sys/devices/virtual/misc/pkey/ccacipher/ccacipher_aes_256", .adapter(.ccaCipher)),
    ("/sys/devices/virtual/misc/pkey/ep11/ep11_aes_256_xts", .adapter(.ep11AES)),
    ("/sys/devices/virtual/misc/pkey/later/key", .adapter(nil)),
    ("/sys/devices/virtual/misc/pkey/protkey", .adapter(nil)),
    ("/sys/kernel/security", .adapter(nil)), ("/root/key.skey", .file("/root/key.skey")),
    ("/root/pkey/protkey/key", .file("/root/pkey/protkey/key")),
    ("/sys/../root/pkey/protkey/key", .nowhere), ("/root/../key", .nowhere),
    ("none", .nowhere), ("-", .nowhere), ("key", .nowhere),
  ])
  func `are where the key file of a volume is`(file: String, place: PaesVolume.KeyPlace) {
    let volume = PaesVolume(name: "v", device: "/dev/a", keyFile: file, isWholeFile: true)
    #expect(volume.keyPlace == place)
  }

  @Test func `that are a part of a file are not read from it`() throws {
    let text = "v /dev/a /key plain,cipher=paes-xts-plain64,keyfile-offset=64\n"
    #expect(PaesVolume.volumes(crypttab: text).map(\.keyPlace) == [.nowhere])
  }

  @Test func `have what zkey knows of them beside them`() throws {
    let information = ZkeyRepository.Information(
      """
      # written by zkey
      key-type=CCA-AESDATA
      apqns=05.0004,06.0004,xx,05.12345
      volumes=/dev/disk/by-path/ccw-0.0.0201-part1:root,/dev/dasdb1:data,odd
      description=apqns=07.0007
      nothing

      """)
    #expect(information.apqns == [APQN(adapter: 5, domain: 4), APQN(adapter: 6, domain: 4)])
    #expect(information.volumes.map(\.name) == ["root", "data"])
    for (name, device, isNamed) in [
      ("root", "UUID=4711", true), ("other", "/dev/dasdb1", true), ("other", "UUID=4711", false),
    ] {
      let volume = PaesVolume(name: name, device: device, keyFile: "none", isWholeFile: true)
      #expect(information.names(volume) == isNamed)
    }
  }
}

@Suite struct `Tokens of opencryptoki` {
  @Test func `are those of slots that need adapters`() {
    let configuration = OpencryptokiConfiguration(
      """
      version opencryptoki-3.24
      # slot 9 { stdll = libpkcs11_ep11.so }
      slot 0
      {
        stdll = libpkcs11_tpm.so
      }
      slot 2 { stdll = /usr/lib64/opencryptoki/stdll/PKCS11_CCA.so }
      slot 4
      {
        stdll = libpkcs11_ep11.so   # the vault
        confname = "vault.conf"
        tokname = vault
      }
      slot 5 { stdll=libpkcs11_ep11.so }
      slot 6 { stdll = libpkcs11_ep11.so confname = ../../root/ep11tok.conf
      """)
    #expect(
      configuration.tokens == [
        .init(kind: .cca, fileName: "opencryptoki.conf", name: "ccatok"),
        .init(kind: .ep11, fileName: "vault.conf", name: "vault"),
        .init(kind: .ep11, fileName: "ep11tok.conf", name: "ep11tok"),
        .init(kind: .ep11, fileName: "", name: "ep11tok"),
      ])
  }

  private static let listed: Set = [APQN(adapter: 10, domain: 4), APQN(adapter: 8, domain: 0x47)]

  @Test(arguments: [
    ("APQN_ALLOWLIST\n10 4\n8 71\nEND\n", EP11TokenQueues.listed(listed)),
    (
      "# 1 2\nAPQN_WHITELIST\n 0x0a 0x04 # first\n0x08 0x47\nEND\nFORCE_SENSITIVE\n",
      .listed(listed)
    ),
    ("APQN_ALLOWLIST\n10 4\nEND\nAPQN_ALLOWLIST\n8 71\nEND\n", .listed(listed)),
    ("APQN_ALLOWLIST 10 4 8 0X47 END", .unknown), ("APQN_ANY\n", .any),
    ("EXPECTED_WKVP \"APQN_ALLOWLIST\"\nAPQN_ANY", .any), ("", .unknown),
    ("\n# APQN_ANY\n", .unknown),
    ("APQN_ALLOWLIST\nEND\n", .unknown), ("APQN_ALLOWLIST\n10 4\n", .unknown),
    ("APQN_ALLOWLIST\n10 4\n8\nEND\n", .unknown), ("APQN_ALLOWLIST\n256 4\nEND\n", .unknown),
    ("APQN_ALLOWLIST\n010 4\nEND\n", .unknown), ("APQN_ALLOWLIST\n0x 4\nEND\n", .unknown),
    ("APQN_ALLOWLIST\n+1 4\nEND\n", .unknown), ("APQN_ALLOWLIST\n1 -4\nEND\n", .unknown),
    ("APQN_ALLOWLIST\n0 0\nEND\nAPQN_ANY\n", .unknown), ("apqn_any\n", .unknown),
    ("APQN_ALLOWLIST\n0 0\nEND\n", .listed([APQN(adapter: 0, domain: 0)])),
  ])
  func `use the queues of their own file`(text: String, queues: EP11TokenQueues) {
    #expect(EP11TokenQueues(text) == queues)
  }
}
