using LogtoMigrateInit.PostgresTools;

namespace LogtoMigrateInit.Scratch;

/// <summary>All that it takes to fill a scratch database from a dump.</summary>
/// <param name="Server">The server that has it.</param>
/// <param name="Rights">What the user may do there.</param>
/// <param name="Programs">The newest <c>pg_dump</c> and <c>pg_restore</c>.</param>
internal sealed record ScratchTools(ScratchServer Server, ClusterRights Rights, PostgresPrograms Programs);
