using LogtoMigrateInit.Outcomes;

namespace LogtoMigrateInit.CommandLine;

/// <summary>Reports an outcome to the log and the termination log, without a host, and also when the settings are wrong.</summary>
/// <returns>The same outcome.</returns>
internal delegate Outcome ReportOutcome(Outcome outcome);
