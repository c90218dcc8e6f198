"""The steps from each release's tables to the next; forward only. Run by `chargewright.csms.storage.migration`."""
