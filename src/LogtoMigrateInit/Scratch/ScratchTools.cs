using LogtoMigrateInit.PostgresTools;

namespace LogtoMigrateInit.Scratch;

/// <summary>The means to fill a scratch database from a dump.</summary>
/// <param name="Rights">The user's rights on the server.</param>
/// <param name="Programs"><c>pg_dump</c> and <c>pg_restore</c>.</param>
internal sealed record ScratchTools(ScratchServer Server, ClusterRights Rights, PostgresPrograms Programs);
