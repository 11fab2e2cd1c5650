@echo off
title libobe: demo server
echo This window is the server for a first exchange. It looks for a dip between 1.5 and 3.5 GHz,
echo as lorentzian.toml describes. Leave it open while you try; close it to end the server.
echo.
"%~dp0obe.exe" design "%~dp0lorentzian.toml" --stay
echo.
echo The server has ended. If that was not intended, the line above says why.
pause
