"""The edge-agent: answers an application's requests on this device, with a server's help where that is cheaper."""
