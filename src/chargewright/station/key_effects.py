"""What changing a configuration key changes on the wire, in a sentence each: the promise behind listing it.

For keys that cannot be written: what the value tells.
"""

from collections.abc import Mapping
from typing import Final

__all__ = ["EFFECTS"]

_MOST_ITEMS: Final = "A list with more items is refused"

EFFECTS: Final[Mapping[str, str]] = {
    "AdditionalRootCertificateCheck": "With `true` a new central system root must be signed by the one it replaces",
    "AllowOfflineTxForUnknownId": "Offline, a tag that nobody knows starts a transaction, told when the line is back",
    "AuthorizationCacheEnabled": "With `false` the cache lets nobody in, and learns nothing; ClearCache is Rejected",
    "AuthorizationKey": "The station reconnects with this password (profiles 1 and 2); never listed",
    "AuthorizeRemoteTxRequests": "Authorize comes before a remote start, or not",
    "CertificateSignedMaxChainSize": "A longer chain in CertificateSigned is Rejected",
    "CertificateStoreMaxLength": "One certificate more in InstallCertificate is Rejected",
    "ChargeProfileMaxStackLevel": "A profile on a higher level is Rejected",
    "ChargingScheduleAllowedChargingRateUnit": "A schedule in another unit is Rejected",
    "ChargingScheduleMaxPeriods": "A schedule with more periods is Rejected",
    "ClockAlignedDataInterval": "MeterValues (Sample.Clock) at multiples of it from midnight UTC; 0: none",
    "ConnectionTimeOut": "So long after Preparing a start is given up: Available, or Finishing when plugged",
    "ConnectorPhaseRotation": "Told by GetConfiguration, for whoever reads values by phase; the installer knows it",
    "ConnectorPhaseRotationMaxLength": _MOST_ITEMS,
    "ConnectorSwitch3to1PhaseSupported": "With `true`, a profile may use one phase and then three in one transaction",
    "CpoName": "The organisation in SignCertificate; without it none is asked for",
    "GetConfigurationMaxKeys": "How many keys the product promises to answer at once",
    "HeartbeatInterval": "Heartbeat after so long without anything else; BootNotification overwrites it",
    "LocalAuthListEnabled": "With `false` the local list lets nobody in",
    "LocalAuthListMaxLength": "SendLocalList with more entries in all is refused",
    "LocalAuthorizeOffline": "Offline, a tag that list or cache knows starts a transaction",
    "LocalPreAuthorize": "Online, a tag that list or cache knows starts a transaction without Authorize",
    "MaxChargingProfilesInstalled": "One profile more is Rejected",
    "MaxEnergyOnInvalidId": "So many Wh more for a tag refused after the start, then DeAuthorized or SuspendedEVSE",
    "MessageTimeout": "After so long without an answer a CALL has failed, and the next one is sent",
    "MeterValueSampleInterval": "MeterValues (Sample.Periodic) so often in a transaction; 0: none",
    "MeterValuesAlignedData": "The measurands of clock-aligned MeterValues",
    "MeterValuesAlignedDataMaxLength": _MOST_ITEMS,
    "MeterValuesSampledData": "The measurands of MeterValues in a transaction, and of triggered ones",
    "MeterValuesSampledDataMaxLength": _MOST_ITEMS,
    "MinimumStatusDuration": "A status that ends sooner is not told",
    "NumberOfConnectors": "Connectors are numbered from 1 to this",
    "ReserveConnectorZeroSupported": "With `true` ReserveNow takes connector 0",
    "ResetRetries": "So often a reset that failed is tried again, before connector 0 tells ResetFailure",
    "SecurityProfile": "The station reconnects with this profile; a lower one is Rejected",
    "SendLocalListMaxLength": "SendLocalList with more entries in one message is refused",
    "StopTransactionMaxMeterValues": "More values are thinned out before StopTransaction tells them",
    "StopTransactionOnEVSideDisconnect": "Unplugged at the vehicle: StopTransaction (EVDisconnected), or SuspendedEV",
    "StopTransactionOnInvalidId": "A tag refused after the start: StopTransaction (DeAuthorized), or SuspendedEVSE",
    "StopTxnAlignedData": "The clock-aligned measurands in transactionData; empty: none",
    "StopTxnAlignedDataMaxLength": _MOST_ITEMS,
    "StopTxnSampledData": "The measurands of begin, samples and end in transactionData; empty: none",
    "StopTxnSampledDataMaxLength": _MOST_ITEMS,
    "SupportedFeatureProfiles": "Actions of other profiles are answered with NotSupported",
    "SupportedFileTransferProtocols": "Locations with other schemes are refused",
    "TransactionMessageAttempts": "So many CALLERRORs until a transaction message is set aside",
    "TransactionMessageRetryInterval": "Times the CALLERRORs so far: the wait before such a message is sent again",
    "UnlockConnectorOnEVSideDisconnect": "Unplugged at the vehicle, the socket lets the cable go",
    "WebSocketPingInterval": "Pings so often, from the next connection on; 0: none",
}
