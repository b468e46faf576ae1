@echo off
rem Runs Build_Kafka_ML.sh, with the same options, in Git Bash, or in WSL where there is no Git Bash.
setlocal EnableExtensions DisableDelayedExpansion
pushd "%~dp0"

rem Git Bash uses the docker and kubectl of Windows; WSL has its own, so WSL is used only where it has kubectl.
set GIT_BASH=none
for /f "delims=" %%G in ('where git.exe 2^>nul') do set GIT_BASH=%%~dpG..\bin\bash.exe
if not exist "%GIT_BASH%" goto :no_git_bash
"%GIT_BASH%" ./Build_Kafka_ML.sh %*
goto :leave

:no_git_bash
wsl.exe --exec bash -c "command -v kubectl" >nul 2>nul
if errorlevel 1 goto :no_bash
wsl.exe --exec bash ./Build_Kafka_ML.sh %*
goto :leave

:no_bash
echo Build_Kafka_ML.bat: there is neither Git Bash nor a WSL with kubectl, and Build_Kafka_ML.sh needs one of them. 1>&2
echo Install Git for Windows (https://gitforwindows.org), or kubectl inside WSL, open a new terminal and run this again. 1>&2
popd
exit /b 1

:leave
set STATUS=%errorlevel%
popd
exit /b %STATUS%
