"""The contract between agents: messages, services, tensor framing, status mapping, channels. No torch here.

Import from the modules; protobuf types stay behind `convert_*`, `clients` and `services`.
"""
