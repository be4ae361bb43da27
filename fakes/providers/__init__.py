"""The providers' wire formats, one to a file, behind `fakes.providers.base.WireFormat`."""
