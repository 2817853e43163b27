using LogtoMigrateInit.Outcomes;

namespace LogtoMigrateInit.CommandLine;

/// <summary>
/// Runs the body of a command in a host with the parts of the program. Writes its outcome to the log and the termination log.
/// </summary>
/// <param name="command">The command's name, for the log.</param>
/// <param name="body">Takes its parts from the provider, and must end soon after its token is canceled.</param>
internal delegate Task<Outcome> RunInHost(string command, Func<IServiceProvider, CancellationToken, Task<Outcome>> body);
