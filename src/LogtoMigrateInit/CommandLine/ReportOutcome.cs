using LogtoMigrateInit.Outcomes;

namespace LogtoMigrateInit.CommandLine;

/// <summary>Writes an outcome to the log and the termination log. It needs no host, and works even when the settings are wrong.</summary>
/// <returns>The outcome that was passed.</returns>
internal delegate Outcome ReportOutcome(Outcome outcome);
