using LogtoMigrateInit.Outcomes;

namespace LogtoMigrateInit.CommandLine;

/// <summary>
/// Runs the body of a command in a host that holds the parts of the program, and reports its outcome to the log and the termination log.
/// </summary>
/// <param name="command">The command's name, for the log.</param>
/// <param name="body">Gets the parts that it needs, and ends soon after its token is cancelled.</param>
internal delegate Task<Outcome> RunInHost(string command, Func<IServiceProvider, CancellationToken, Task<Outcome>> body);
