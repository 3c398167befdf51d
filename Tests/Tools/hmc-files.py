#!/usr/bin/env python3
"""Writes what zhmcclient gets from an HMC, which it simulates, as the files that `apreserve --lpar` reads.

    hmc-files.py DIRECTORY

There is one HMC with two systems: CPC1 in DPM mode, and CPC2 in classic mode. The cryptos of partitions are assigned
by zhmcclient's own operations.
"""

import json
import sys

import zhmcclient
from zhmcclient.mock import FakedSession


def adapter(number, mode, generation, **others):
    return {
        "properties": {
            "object-id": f"a{number}", "name": f"CRYP{number:02d}", "adapter-family": "crypto",
            "type": "crypto", "adapter-id": f"1{number:02x}", "crypto-number": number,
            "crypto-type": mode, "detected-card-type": f"crypto-express-{generation}s",
            "status": "active", **others,
        }
    }


def partition(identifier, name, short_name):
    return {
        "properties": {
            "object-id": identifier, "name": name, "short-name": short_name, "status": "stopped",
            "crypto-configuration": None,
        }
    }


RESOURCES = {
    "consoles": [{"properties": {"name": "HMC1", "version": "2.16.0"}}],
    "cpcs": [
        {
            "properties": {"object-id": "c1", "name": "CPC1", "dpm-enabled": True},
            "adapters": [
                adapter(1, "cca-coprocessor", 7), adapter(2, "ep11-coprocessor", 8),
                adapter(3, "cca-coprocessor", 8, status="not-active"),
                {"properties": {"object-id": "o1", "name": "OSD1", "type": "osd", "adapter-id": "110"}},
            ],
            "partitions": [
                partition("p1", "production", "PROD"), partition("p2", "test guests", "TEST"),
                partition("p3", "empty", "EMPTY"),
            ],
        },
        {
            "properties": {"object-id": "c2", "name": "CPC2", "dpm-enabled": False},
            "lpars": [{"properties": {"object-id": "l1", "name": "LPAR1"}}],
            "image_activation_profiles": [
                {
                    # zhmcclient's simulation has no profile with cryptos; these are the properties that the HMC gives.
                    "properties": {
                        "name": "LPAR1",
                        "assigned-cryptos": [{"number": 1, "activation-type": "unknown"}],
                        "assigned-crypto-domains": [
                            {"domain-index": 4, "access-mode": "control-usage"}],
                    }
                }
            ],
        },
    ],
}


def domains(mode, *numbers):
    return [{"domain-index": number, "access-mode": mode} for number in numbers]


def main(directory):
    session = FakedSession("hmc1", "HMC1", "2.16.0", "4.10", userid="user", password="password")
    session.hmc.add_resources(RESOURCES)
    client = zhmcclient.Client(session)
    cpc = client.cpcs.find(name="CPC1")
    cryptos = [cpc.adapters.find(name=f"CRYP{number:02d}") for number in (1, 2, 3)]
    production = cpc.partitions.find(name="production")
    production.increase_crypto_config(
        cryptos, domains("control-usage", 4, 5, 71) + domains("control", 10))
    cpc.partitions.find(name="test guests").increase_crypto_config(
        cryptos[:2], domains("control-usage", 4, 5))

    def write(name, document):
        with open(f"{directory}/{name}", "w", encoding="utf-8") as file:
            json.dump(document, file, indent=2)

    write("definition.json", client.to_hmc_dict())
    with open(f"{directory}/definition.yaml", "w", encoding="utf-8") as file:
        file.write(client.to_hmc_yaml())
    write("cpc.json", cpc.dump())
    # zhmcclient's simulation cannot take an inventory with crypto adapters, which the export begins with.
    inventory = [
        {**session.get(item.uri), "class": kind, "parent": cpc.uri}
        for kind, items in [("partition", cpc.partitions.list()), ("adapter", cpc.adapters.list())]
        for item in items
    ]
    # pylint: disable=protected-access
    write("export.json", cpc._convert_to_config(inventory, True))
    production.pull_full_properties()
    write("partition.json", dict(production.properties))
    # As the module zhmc_partition does with expand_crypto_adapters.
    properties = dict(production.properties)
    properties["crypto-configuration"] = {
        **properties["crypto-configuration"],
        "crypto-adapters": [session.get(crypto.uri) for crypto in cryptos],
    }
    write("module.json", {"changed": False, "partition": properties})
    profile = client.cpcs.find(name="CPC2").image_activation_profiles.find(name="LPAR1")
    profile.pull_full_properties()
    write("profile.json", {**profile.properties, "parent-name": "CPC2"})


if __name__ == "__main__":
    main(sys.argv[1])
