using LogtoMigrateInit.Outcomes;

namespace LogtoMigrateInit.CommandLine;

/// <summary>Runs the body of a command in a host that holds the parts of the program, to an ending that is logged and written to the termination log.</summary>
/// <param name="command">Its name, for the log.</param>
/// <param name="body">Asks for the parts that it needs, and ends soon when its token is cancelled.</param>
internal delegate Task<Outcome> RunInHost(string command, Func<IServiceProvider, CancellationToken, Task<Outcome>> body);
